import assert from "node:assert/strict";
import type { Process } from "../../model/process.ts";
import { EntityBook, targetOf } from "./entity.ts";

function sample(pid: number, more: Partial<Process> = {}): Process {
  return {
    ...{
      id: `b-${pid}`,
      pid,
      parentPid: 1,
      startBootNs: pid,
      name: "web",
      exe: "/usr/sbin/web",
      uid: 0,
      cgroup: "",
    },
    ...{ service: "web", instance: "host", containerId: "", labels: {} },
    ...more,
  };
}

function sampleBook(services = ["*"]): EntityBook {
  return new EntityBook({ hostLayer: "GENERAL", podLayer: "K8S_SERVICE", services });
}

Deno.test("nameOf() keeps processes of one executable apart, and gives a free name to the next", () => {
  const book = sampleBook();
  const names = [1, 2, 3].map((pid) => book.nameOf(sample(pid))?.processName);
  assert.deepEqual(names, ["web", "web-2", "web-3"]);
  assert.equal(book.nameOf(sample(4, { instance: "other" }))?.processName, "web");
  book.forget("b-2");
  assert.equal(book.nameOf(sample(5))?.processName, "web-2");
  assert.equal(book.nameOf(sample(6))?.processName, "web-4");
  for (const id of [...book.processIds()]) book.forget(id);
  assert.equal(book.nameOf(sample(7))?.processName, "web");
});

Deno.test("nameOf() gives the same entity until the process becomes another program or gets another service", () => {
  const book = sampleBook();
  const before = sample(1);
  const entity = book.nameOf(before);
  assert.equal(book.nameOf(before), entity);
  const renamed = { ...before, exe: "/usr/bin/job" };
  assert.equal(book.nameOf(renamed)?.processName, "job");
  assert.equal(book.nameOf(sample(2))?.processName, "web");
  assert.equal(book.nameOf({ ...renamed, service: "jobs" })?.service, "jobs");
});

Deno.test("nameOf() puts the namespace behind a workload's name alone, and pods into their own layer", () => {
  const book = sampleBook();
  const labels = { "k8s.pod.name": "web-1", "k8s.namespace.name": "eu", "k8s.deployment.name": "web" };
  const pod = sample(1, { labels });
  const { layer, service, labels: shown } = book.nameOf(pod)!;
  assert.deepEqual([layer, service, shown], ["K8S_SERVICE", "web.eu", ["k8s-service"]]);
  assert.deepEqual(targetOf(pod), { service: "web", labels: { "k8s.namespace.name": "eu" } });
  const named = sample(2, { labels, service: "shop" });
  assert.equal(book.nameOf(named)?.service, "shop");
  assert.deepEqual(targetOf(named), { service: "shop", labels: {} });
});

Deno.test("nameOf() leaves out what is not to be reported, and cuts names as an OAP does", () => {
  const book = sampleBook(["shop*"]);
  assert.equal(book.nameOf(sample(1)), undefined);
  const long = sample(2, { service: "shop".padEnd(90, "x"), instance: "y".repeat(90), exe: "" });
  const entity = book.nameOf(long)!;
  assert.deepEqual([entity.service.length, entity.instance.length, entity.processName], [70, 70, "web"]);
});

Deno.test("targetOf() makes no target of a name that would match others", () => {
  assert.equal(targetOf(sample(1, { service: "*" })), undefined);
  assert.equal(targetOf(sample(1, { service: "a?" })), undefined);
});
