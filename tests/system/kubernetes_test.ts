import assert from "node:assert/strict";
import type { TaskRecord } from "../../src/cli/task_record.ts";
import { findFreePort } from "../support/free_port.ts";
import { type ApiRequest, KubernetesApi, podEvent, type WatchAnswer } from "../support/kubernetes_api.ts";
import { findPod } from "../support/kubernetes_manifest.ts";
import { makeSecrets, startPod } from "../support/pod_runner.ts";
import { runStakeout } from "../support/stakeout.ts";
import { compileTarget, startTarget } from "../support/target.ts";
import { makeCgroup } from "../support/test_cgroup.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { waitFor } from "../support/wait.ts";

const uid = "1b8cd8a2-8f4e-4f6c-9d3e-2a1b3c4d5e6f";
const agentUid = "2c9de9b3-9a5f-4a7d-8e4f-3b2c4d5e6f70";
const containerId = "0123456789abcdef".repeat(4);

/** Where the systemd driver of cgroup v2 puts a container. */
function containerCgroup(podUid: string, id: string): string {
  const pod = `kubepods-burstable-pod${podUid.replaceAll("-", "_")}.slice`;
  return `kubepods.slice/kubepods-burstable.slice/${pod}/cri-containerd-${id}.scope`;
}

const policy = `apiVersion: stakeout/v1
kind: Policy
metadata: { name: hot-web }
target:
  service: web
  instance: web-5d8c7b9f4-x2x4z
  host: node-1
  cgroup: /kubepods-burstable-pod${uid.replaceAll("-", "_")}.slice/cri-containerd-${containerId}.scope
  labels: { k8s.namespace.name: shop, k8s.container.name: app, app.kubernetes.io/name: web }
rules:
  - { metric: process_cpu, threshold: 20%, period: 5s, count: 2 }
start: [on_cpu]
duration: 2s
`;

testAsRoot(
  "the manifest's pods profile what the Kubernetes API names, from inside a cgroup namespace, with their rights alone",
  async () => {
    await using folder = await makeTestFolder("pods");
    await using cgroup = await makeCgroup();
    const secrets = `${folder.path}/secrets`;
    await Deno.mkdir(secrets);
    await makeSecrets(secrets);
    const port = findFreePort();
    const hosts = "127.0.0.1 stakeout-server.stakeout.svc\n";
    async function podFolder(name: string): Promise<string> {
      await Deno.mkdir(`${folder.path}/${name}`);
      return `${folder.path}/${name}`;
    }

    await using server = await startPod("server", {
      ...{ secrets, hosts, folder: await podFolder("server"), cgroup: cgroup.make("server"), env: {} },
      flags: ["--listen", `0.0.0.0:${port}`],
    });
    await server.waitForLine(/\/login\?token=/);
    await checkProbes(port, secrets);
    const client = [
      ...["--backend", `https://127.0.0.1:${port}`, "--tls-ca", `${secrets}/stakeout-tls/ca.crt`],
      ...["--token-file", `${folder.path}/editor`, "--state", `${folder.path}/client`],
    ];
    const tokens = await Deno.readTextFile(`${secrets}/stakeout-tokens/tokens`);
    await Deno.writeTextFile(`${folder.path}/editor`, /^editor (\S+)/m.exec(tokens)![1]!);
    await Deno.writeTextFile(`${folder.path}/policy.yaml`, policy);
    const applied = await runStakeout(["policy", "apply", "-f", `${folder.path}/policy.yaml`, ...client]);
    assert.equal(applied.code, 0, applied.errors.join("\n"));

    const account = await podFolder("account");
    let watched: WatchAnswer | undefined;
    await using api = await KubernetesApi.start(account, (request: ApiRequest) => {
      watched = request.watch();
      return watched.response;
    });
    await compileTarget("burn", `${folder.path}/burn`);
    await using target = await startTarget(`${folder.path}/burn`, "1");
    cgroup.add(cgroup.make(containerCgroup(uid, containerId)), target.pid);
    await using agent = await startPod("agent", {
      ...{ secrets, hosts, folder: await podFolder("agent"), serviceAccount: account },
      cgroup: cgroup.make(containerCgroup(agentUid, "f".repeat(64))),
      env: {
        ...{
          KUBERNETES_SERVICE_HOST: "127.0.0.1",
          KUBERNETES_SERVICE_PORT: `${api.port}`,
          NODE_NAME: "node-1",
        },
        STAKEOUT_BACKEND: `https://stakeout-server.stakeout.svc:${port}`,
      },
    });
    await agent.waitForLine(/msg="Policies are in step with the backend"/);
    await checkRights(agent.pid);
    // The process is long known, under another name, when the API tells of its pod and then of its container.
    await waitFor(() => watched, 10);
    watched!.send(podEvent("ADDED", { uid }));
    await agent.waitForLine(/msg="The Kubernetes API names the pods of this node" node=node-1/);
    watched!.send(podEvent("MODIFIED", { uid, containerId }));
    await agent.waitForLine(/msg="Task started" .*policy=hot-web/);

    const task = await waitFor(async () => {
      const { code, stdout, errors } = await runStakeout(["task", "list", "-o", "json", ...client]);
      assert.equal(code, 0, errors.join("\n"));
      return (JSON.parse(stdout) as TaskRecord[]).find(({ state }) => state !== "running");
    }, 20);
    const [profiled] = task!.processes;
    assert.deepEqual([task!.state, task!.host], ["done", "node-1"]);
    assert.deepEqual([profiled!.service, profiled!.instance, profiled!.pid], [
      "web",
      "web-5d8c7b9f4-x2x4z",
      target.pid,
    ]);
  },
);

/** Asks as the kubelet does: by the pod's address, whatever the certificate says. */
async function checkProbes(port: number, secrets: string): Promise<void> {
  const { container } = findPod("server");
  using client = Deno.createHttpClient({
    caCerts: [await Deno.readTextFile(`${secrets}/stakeout-tls/ca.crt`)],
  });
  for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
    const { path, scheme } = probe!.httpGet!;
    const response = await fetch(`${scheme!.toLowerCase()}://127.0.0.1:${port}${path}`, { client });
    await response.body?.cancel();
    assert.equal(response.status, 200);
  }
}

async function checkRights(pid: number): Promise<void> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const wanted = findPod("agent").container.securityContext!.capabilities!.add!;
  const { stdout } = await new Deno.Command("setpriv", {
    args: [
      `--bounding-set=-all,${wanted.map((name) => `+${name.toLowerCase()}`).join(",")}`,
      "cat",
      "/proc/self/status",
    ],
  }).output();
  const expected = /^CapEff:\t(\w+)$/m.exec(new TextDecoder().decode(stdout))![1];
  for (const set of ["CapPrm", "CapEff", "CapBnd"]) {
    assert.equal(new RegExp(`^${set}:\t(\\w+)$`, "m").exec(status)![1], expected, set);
  }
  assert.match(status, /^NoNewPrivs:\t1$/m);
}
