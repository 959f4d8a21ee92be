/// <reference lib="deno.ns" />
import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { CauseSchema, TaskSchema } from "../gen/stakeout/v1/task_pb.ts";
import {
  baseName,
  describeCause,
  describeReached,
  describeRequests,
  describeUri,
  stateNames,
  stateWords,
  taskTargets,
} from "./words.ts";

Deno.test("describeCause() says the rule and how often it was reached", () => {
  const cause = create(CauseSchema, {
    metric: "process_cpu",
    threshold: 80,
    periodSeconds: 10,
    count: 5,
    reached: 6,
  });
  assert.equal(describeCause(cause), "process_cpu ≥ 80 % in 5 of 10 s: reached 6");
  cause.uri = "/api/pay";
  assert.equal(describeCause(cause), "process_cpu ≥ 80 % in 5 of 10 s on /api/pay: reached 6");
  Object.assign(cause, { metric: "http_p95_response_time", threshold: 12_000, variant: "prefix client" });
  assert.equal(
    describeCause(cause),
    "http_p95_response_time ≥ 12 s in 5 of 10 s on /api/pay*, as client: reached 6",
  );
  assert.equal(describeReached(cause), "http_p95_response_time ≥ 12 s in 5 of 10 s: reached 6");
  assert.equal(describeRequests(cause), "on /api/pay*, as client");
  assert.equal(describeRequests({ uri: "", variant: "pending>500" }), "in flight over 500 ms too");
  assert.equal(describeCause(undefined), "asked for by hand");
});

Deno.test("describeUri() tells paths, prefixes and expressions apart", () => {
  assert.equal(describeUri(undefined), "");
  assert.equal(describeUri({ paths: ["/a", "/b"] }), "/a, /b");
  assert.equal(describeUri({ prefixes: ["/api/"] }), "/api/*");
  assert.equal(describeUri({ regex: "^/x" }), "/^/x/");
});

Deno.test("taskTargets() pairs the lists of a task and survives short ones", () => {
  const task = create(TaskSchema, {
    processIds: ["p", "q"],
    services: ["checkout"],
    pids: [7, 8],
    exes: ["/bin/a"],
  });
  assert.deepEqual(taskTargets(task), [
    { id: "p", service: "checkout", exe: "/bin/a", pid: 7 },
    { id: "q", service: "", exe: "", pid: 8 },
  ]);
});

Deno.test("stateWords() has words for every state that addresses can name", () => {
  assert.equal(new Set(stateNames.map(([, state]) => stateWords(state).text)).size, stateNames.length);
});

Deno.test("baseName() gives the file's own name", () => {
  assert.deepEqual(["/usr/bin/java", "java", "", "/"].map(baseName), ["java", "java", "", "/"]);
});
