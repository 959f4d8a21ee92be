import assert from "node:assert/strict";
import { readCgroupFacts } from "./container.ts";
import { nameService } from "./service_name.ts";

const containerId = "0123456789abcdef".repeat(4);
const podUid = "1b8cd8a2-8f4e-4f6c-9d3e-2a1b3c4d5e6f";

function name(
  given: { exe?: string; cgroup?: string; environment?: Record<string, string> },
  overrides: Parameters<typeof nameService>[1]["overrides"] = [],
) {
  return nameService({
    name: "short",
    exe: given.exe ?? "/usr/bin/python3.11",
    cgroup: readCgroupFacts(given.cgroup ?? "/"),
    environment: new Map(Object.entries(given.environment ?? {})),
  }, { host: "node-1", overrides });
}

const pod = `/kubepods/pod${podUid}/${containerId}`;

Deno.test("nameService() asks override, environment, pod, container, unit and executable in this order", () => {
  const all = {
    exe: "/srv/shop/checkout",
    cgroup: pod,
    environment: { OTEL_SERVICE_NAME: "by-otel", SW_AGENT_NAME: "by-sw", HOSTNAME: "web-7d9f8b6c5d-x2x4z" },
  };
  const override = { match: "/srv/*", service: "by-config", instance: "blue", labels: { team: "pay" } };
  const overridden = name(all, [{ match: "/opt/*", service: "no" }, override]);
  assert.equal(overridden.service, "by-config");
  assert.equal(overridden.instance, "blue");
  assert.equal(overridden.labels["team"], "pay");
  assert.equal(name(all).service, "by-otel");
  assert.equal(name({ ...all, environment: { SW_AGENT_NAME: "by-sw" } }).service, "by-sw");
  assert.equal(name({ ...all, environment: { OTEL_SERVICE_NAME: "  ", HOSTNAME: "web-0" } }).service, "web");
  assert.equal(name({ ...all, cgroup: "/lxc.payload.box/a.service", environment: {} }).service, "box");
  assert.equal(name({ ...all, cgroup: "/system.slice/a.service", environment: {} }).service, "a");
  assert.equal(name({ ...all, cgroup: "/", environment: {} }).service, "checkout");
  assert.equal(name({ exe: "" }).service, "short");
});

Deno.test("nameService() finds the workload that a pod's name was made from", () => {
  const workloads = ["web-7d9f8b6c5d-x2x4z", "agent-k8s4w", "db-2", "single", "my-web-front"].map((
    HOSTNAME,
  ) => name({ cgroup: pod, environment: { HOSTNAME } }).service);
  assert.deepEqual(workloads, ["web", "agent", "db", "single", "my-web-front"]);
});

Deno.test("nameService() does not take the host's name for a pod's", () => {
  const { service, instance, labels } = name({ cgroup: pod, environment: { HOSTNAME: "node-1" } });
  assert.deepEqual([service, instance, labels], ["python3.11", podUid, { "k8s.pod.uid": podUid }]);
  assert.equal(name({ environment: { HOSTNAME: "web-0" } }).service, "python3.11");
});

Deno.test("nameService() makes the instance of pod, container or host", () => {
  assert.equal(name({ cgroup: pod, environment: { HOSTNAME: "web-0" } }).instance, "web-0");
  assert.equal(name({ cgroup: `/docker/${containerId}` }).instance, "0123456789ab");
  assert.equal(name({ cgroup: "/system.slice/a.service" }).instance, "node-1");
});

Deno.test("nameService() cuts what a process says of itself to 255 characters", () => {
  assert.equal(name({ environment: { OTEL_SERVICE_NAME: "x".repeat(1000) } }).service.length, 255);
});
