import assert from "node:assert/strict";
import { readPod } from "./pod.ts";

const uid = "1b8cd8a2-8f4e-4f6c-9d3e-2a1b3c4d5e6f";
const id = "0123456789abcdef".repeat(4);

/** A pod as the API describes it, as far as it matters. */
function describe(given: {
  name?: string;
  owner?: [kind: string, name: string, controller?: boolean];
  labels?: Record<string, unknown>;
  annotations?: Record<string, string>;
  status?: unknown;
}) {
  const [kind, name, controller = true] = given.owner ?? [];
  return {
    metadata: {
      ...{ uid, name: given.name ?? "web-7d9f8b6c5d-x2x4z", namespace: "shop" },
      ...{ labels: given.labels ?? {}, annotations: given.annotations ?? {} },
      ...(kind === undefined ? {} : { ownerReferences: [{ kind, name, controller, apiVersion: "v1", uid }] }),
    },
    spec: { nodeName: "node-1", containers: [{ name: "app", env: [{ name: "SECRET", value: "hunter2" }] }] },
    status: given.status ?? {},
  };
}

Deno.test("readPod() finds what made a pod in the end", () => {
  const hash = { "pod-template-hash": "7d9f8b6c5d" };
  const cases: [Parameters<typeof describe>[0], kind: string, workload: string][] = [
    [{ owner: ["ReplicaSet", "web-7d9f8b6c5d"], labels: hash }, "Deployment", "web"],
    [{ owner: ["ReplicaSet", "bare-set"] }, "ReplicaSet", "bare-set"],
    [{ owner: ["ReplicaSet", "7d9f8b6c5d"], labels: hash }, "ReplicaSet", "7d9f8b6c5d"],
    [{ owner: ["StatefulSet", "db"] }, "StatefulSet", "db"],
    [{ owner: ["DaemonSet", "logs"] }, "DaemonSet", "logs"],
    [{ owner: ["Job", "report-29475920"] }, "CronJob", "report"],
    [{ owner: ["Job", "report-20261125"] }, "Job", "report-20261125"],
    [{ owner: ["Job", "migrate"] }, "Job", "migrate"],
    [{ owner: ["Workflow", "train-x"] }, "Workflow", "train-x"],
    [{ owner: ["Node", "node-1"], name: "kube-proxy-node-1" }, "Pod", "kube-proxy"],
    [{ owner: ["StatefulSet", "db", false], name: "alone" }, "Pod", "alone"],
    [{ name: "alone" }, "Pod", "alone"],
  ];
  for (const [given, kind, workload] of cases) {
    const pod = readPod(describe(given));
    assert.deepEqual([pod?.workloadKind, pod?.workload], [kind, workload]);
  }
});

Deno.test("readPod() keeps uids, containers that started and recommended labels, and nothing else", () => {
  const pod = readPod(describe({
    owner: ["StatefulSet", "db"],
    labels: { "app.kubernetes.io/name": "postgres", "app.kubernetes.io/part-of": 7, team: "pay" },
    annotations: { "kubernetes.io/config.mirror": "abc", "kubernetes.io/config.hash": "f".repeat(32) },
    status: {
      containerStatuses: [
        { name: "app", containerID: `containerd://${id}` },
        { name: "waits" },
        { name: "odd", containerID: `containerd://../${id}` },
      ],
      initContainerStatuses: [{ name: "setup", containerID: `cri-o://${"a".repeat(64)}` }],
    },
  }));
  assert.deepEqual(pod, {
    ...{ uid, cgroupUid: "f".repeat(32), name: "web-7d9f8b6c5d-x2x4z", namespace: "shop" },
    ...{ workloadKind: "StatefulSet", workload: "db" },
    containerNames: new Map([[id, "app"], ["a".repeat(64), "setup"]]),
    labels: { "app.kubernetes.io/name": "postgres", "app.kubernetes.io/part-of": "" },
  });
  assert.equal(readPod(describe({}))?.cgroupUid, uid);
});

Deno.test("readPod() takes nothing of what is no pod, and only so much of what is", () => {
  const strange = [null, 7, "pod", [], {}, { metadata: null }, { metadata: { uid } }, {
    metadata: { name: "x" },
  }];
  for (const value of strange) assert.equal(readPod(value), undefined);
  const statuses = Array.from(
    { length: 500 },
    (_, at) => ({ name: "x".repeat(999), containerID: `d://${at}`.padEnd(68, "0") }),
  );
  const labels = Object.fromEntries(
    Array.from({ length: 99 }, (_, at) => [`app.kubernetes.io/l${at}`, "x".repeat(999)]),
  );
  const pod = readPod(describe({ labels, status: { containerStatuses: statuses } }));
  assert.equal(pod?.containerNames.size, 100);
  assert.equal(Object.keys(pod.labels).length, 16);
  assert.ok(
    [...pod.containerNames.values(), ...Object.values(pod.labels)].every(({ length }) => length === 255),
  );
});
