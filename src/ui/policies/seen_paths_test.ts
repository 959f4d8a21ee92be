/// <reference lib="deno.ns" />
import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { SeenPathSchema } from "../../gen/stakeout/v1/policy_service_pb.ts";
import { newRule } from "./policy_draft.ts";
import { offeredPaths, togglePath } from "./seen_paths.ts";

const seen =
  ([["/health", 50n], ["/api/pay/7", 20n], ["/api/pay/9", 20n], ["/api/cart", 7n], ["/a b", 1n]] as const)
    .map(([path, requests]) => create(SeenPathSchema, { path, requests }));

Deno.test("offeredPaths() offers paths as they are, and as prefixes what many begin with", () => {
  assert.deepEqual(offeredPaths("", seen), ["/health", "/api/pay/7", "/api/pay/9", "/api/cart"]);
  assert.deepEqual(offeredPaths("prefixes", seen), ["/health", "/api/", "/api/pay/"]);
  assert.deepEqual(offeredPaths("regex", seen), []);
});

Deno.test("togglePath() puts a path in and takes it out, down to a rule on all requests", () => {
  const rule = newRule("http_error_rate");
  const one = { ...rule, ...togglePath(rule, "/health") };
  assert.deepEqual([one.uriKind, one.uri], ["paths", "/health"]);
  const two = { ...one, ...togglePath(one, "/api/cart") };
  assert.equal(two.uri, "/health /api/cart");
  assert.deepEqual(togglePath(two, "/health"), { uriKind: "paths", uri: "/api/cart" });
  assert.deepEqual(togglePath(one, "/health"), { uriKind: "", uri: "" });
  assert.equal(togglePath({ ...rule, uriKind: "prefixes" }, "/api/").uriKind, "prefixes");
});
