import assert from "node:assert/strict";
import { readCgroupFacts } from "../container.ts";
import type { Pod } from "./pod.ts";
import { PodDirectory } from "./pod_directory.ts";

const id = "0123456789abcdef".repeat(4);

function makePod(uid: string, given: Partial<Pod> = {}): Pod {
  return {
    ...{
      uid,
      cgroupUid: uid,
      name: `pod-${uid}`,
      namespace: "shop",
      workloadKind: "Deployment",
      workload: "web",
    },
    ...{ containerNames: new Map(), labels: {} },
    ...given,
  };
}

function cgroup(podUid: string, containerId = "") {
  return { ...readCgroupFacts("/"), podUid, containerId };
}

Deno.test("find() knows a pod by its cgroup's uid or one of its containers", () => {
  const pods = new PodDirectory();
  assert.equal(pods.put(makePod("a", { cgroupUid: "hash", containerNames: new Map([[id, "app"]]) })), true);
  assert.equal(pods.find(cgroup("hash", id))?.containerName, "app");
  assert.equal(pods.find(cgroup("", id))?.name, "pod-a");
  assert.equal(pods.find(cgroup("hash", "b".repeat(64)))?.containerName, "");
  assert.equal(pods.find(cgroup("a")), undefined);
  assert.equal(pods.find(cgroup("")), undefined);
});

Deno.test("put() says whether a pod's names changed, and forgets containers that are gone", () => {
  const pods = new PodDirectory();
  pods.put(makePod("a", { containerNames: new Map([[id, "app"]]) }));
  assert.equal(pods.put(makePod("a", { containerNames: new Map([[id, "app"]]) })), false);
  assert.equal(pods.put(makePod("a", { containerNames: new Map() })), true);
  assert.equal(pods.find(cgroup("", id)), undefined);
  pods.delete("a");
  assert.deepEqual([pods.size, pods.find(cgroup("a"))], [0, undefined]);
});

Deno.test("put() refuses pods beyond the limit, and takes those it knows", () => {
  const pods = new PodDirectory(2);
  assert.deepEqual(["a", "b", "c"].map((uid) => pods.put(makePod(uid))), [true, true, "full"]);
  assert.equal(pods.put(makePod("b", { workload: "api" })), true);
});

Deno.test("endRound() drops the pods that were not told anew", () => {
  const pods = new PodDirectory();
  pods.put(makePod("a"));
  pods.put(makePod("b"));
  pods.startRound();
  pods.put(makePod("b"));
  assert.equal(pods.size, 2);
  pods.endRound();
  assert.deepEqual([pods.find(cgroup("a")), pods.find(cgroup("b"))?.name], [undefined, "pod-b"]);
});
