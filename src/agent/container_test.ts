import assert from "node:assert/strict";
import { readCgroupFacts } from "./container.ts";

const id = "0123456789abcdef".repeat(4);
const inner = "fedcba9876543210".repeat(4);
const uid = "1b8cd8a2-8f4e-4f6c-9d3e-2a1b3c4d5e6f";
const none = { containerId: "", containerName: "", podUid: "", systemdUnit: "" };

const cases: [string, Partial<typeof none>][] = [
  [`/kubepods/burstable/pod${uid}/${id}`, { containerId: id, podUid: uid }],
  [`/kubepods.slice/kubepods-pod${uid.replaceAll("-", "_")}.slice/cri-containerd-${id}.scope`, {
    containerId: id,
    podUid: uid,
  }],
  [`/kubelet/kubepods/besteffort/pod${uid}`, { podUid: uid }],
  [
    `/system.slice/containerd.service/kubepods-besteffort-pod${
      uid.replaceAll("-", "_")
    }.slice:cri-containerd:${id}`,
    {
      containerId: id,
      podUid: uid,
    },
  ],
  [`/docker/${id}`, { containerId: id }],
  [`/docker/${id}/docker/${inner}/init.scope`, { containerId: inner }],
  [`/system.slice/docker-${id}.scope`, { containerId: id }],
  [`/machine.slice/libpod-${id}.scope/container`, { containerId: id }],
  [`/docker/buildkit/${id}`, { containerId: id }],
  ["/lxc.payload.web1/system.slice/nginx.service", { containerName: "web1" }],
  ["/system.slice/nginx.service", { systemdUnit: "nginx" }],
  ["/system.slice/system-postgresql.slice/postgresql@15-main.service", { systemdUnit: "postgresql@15-main" }],
  ["/system.slice/my\\x2dapp.service/worker", { systemdUnit: "my-app" }],
  ["/user.slice/user-1000.slice/user@1000.service/app.slice/editor.service", { systemdUnit: "editor" }],
  ["/user.slice/user-1000.slice/user@1000.service/init.scope", {}],
  ["/user.slice/user-1000.slice/session-3.scope", {}],
  [`/docker/${id}0`, {}],
  ["/process_api/0b9c43dff2edf09322527e3bd2e1a5a8", {}],
  ["/", {}],
  ["", {}],
];

for (const [path, facts] of cases) {
  Deno.test(`readCgroupFacts() reads ${path || "an empty path"}`, () => {
    assert.deepEqual(readCgroupFacts(path), { ...none, ...facts });
  });
}
