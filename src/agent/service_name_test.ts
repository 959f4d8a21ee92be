import assert from "node:assert/strict";
import { readCgroupFacts } from "./container.ts";
import { type ContainerName, nameService, type PodName } from "./service_name.ts";

const containerId = "0123456789abcdef".repeat(4);
const podUid = "1b8cd8a2-8f4e-4f6c-9d3e-2a1b3c4d5e6f";

function name(
  given: {
    exe?: string;
    cgroup?: string;
    environment?: Record<string, string>;
    container?: ContainerName;
    pod?: PodName;
  },
  overrides: Parameters<typeof nameService>[1]["overrides"] = [],
) {
  return nameService({
    name: "short",
    exe: given.exe ?? "/usr/bin/python3.11",
    cgroup: readCgroupFacts(given.cgroup ?? "/"),
    environment: new Map(Object.entries(given.environment ?? {})),
    ...(given.container === undefined ? {} : { container: given.container }),
  }, { host: "node-1", overrides, findPod: () => given.pod });
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

const apiPod: PodName = {
  ...{ uid: podUid, name: "checkout-7d9f8b6c5d-x2x4z", namespace: "shop", workloadKind: "Deployment" },
  ...{ workload: "checkout", containerName: "app", labels: { "app.kubernetes.io/name": "shop" } },
};

Deno.test("nameService() takes the API's word for a pod before the pod's own, and after the environment's", () => {
  const environment = { HOSTNAME: "liar-0" };
  const named = name({
    cgroup: pod,
    environment,
    pod: apiPod,
    container: { name: "no", composeService: "no" },
  });
  assert.deepEqual(named, {
    service: "checkout",
    instance: "checkout-7d9f8b6c5d-x2x4z",
    labels: {
      "app.kubernetes.io/name": "shop",
      "k8s.pod.name": "checkout-7d9f8b6c5d-x2x4z",
      "k8s.pod.uid": podUid,
      "k8s.namespace.name": "shop",
      "k8s.container.name": "app",
      "k8s.deployment.name": "checkout",
      "container.name": "no",
    },
  });
  assert.equal(name({ cgroup: pod, environment: { SW_AGENT_NAME: "by-sw" }, pod: apiPod }).service, "by-sw");
  const alone = name({ cgroup: pod, pod: { ...apiPod, workloadKind: "Pod", containerName: "", labels: {} } });
  assert.deepEqual(Object.keys(alone.labels), ["k8s.pod.name", "k8s.pod.uid", "k8s.namespace.name"]);
});

Deno.test("nameService() calls a container's process after its Compose service, then its container", () => {
  const cgroup = `/system.slice/docker-${containerId}.scope`;
  const composed = name({ cgroup, container: { name: "shop-web-1", composeService: "web" } });
  assert.deepEqual(composed, {
    service: "web",
    instance: "shop-web-1",
    labels: { "container.name": "shop-web-1" },
  });
  assert.equal(name({ cgroup, container: { name: "db", composeService: "" } }).service, "db");
});
