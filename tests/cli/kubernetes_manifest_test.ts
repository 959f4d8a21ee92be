import assert from "node:assert/strict";
import type { DaemonSet, Deployment } from "kubernetes-types/apps/v1.d.ts";
import type { ConfigMap, PodSpec, Service } from "kubernetes-types/core/v1.d.ts";
import type { NetworkPolicy } from "kubernetes-types/networking/v1.d.ts";
import type { ClusterRole, ClusterRoleBinding } from "kubernetes-types/rbac/v1.d.ts";
import { repositoryRoot } from "../../scripts/command.ts";
import { parseConfig } from "../../src/model/config_file.ts";
import { version } from "../../src/model/version.ts";
import { findPod, findResource, readManifest, type Resource } from "../support/kubernetes_manifest.ts";
import { runProgram } from "./program.ts";

/** Where the types of an API group are; they are generated from Kubernetes' own OpenAPI description. */
const modules: Record<string, string> = {
  "v1": "core/v1",
  "apps/v1": "apps/v1",
  "rbac.authorization.k8s.io/v1": "rbac/v1",
  "networking.k8s.io/v1": "networking/v1",
};
/** What has keys of anybody's choice. */
const freeMaps = ["labels", "matchLabels", "data", "nodeSelector", "requests", "limits"];

/** Every copy of a resource that differs in one misspelt field. */
function misspell(value: unknown): unknown[] {
  if (Array.isArray(value)) {
    return value.flatMap((part, at) => misspell(part).map((changed) => value.with(at, changed)));
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, part]) => {
    const { [key]: _, ...rest } = value as Record<string, unknown>;
    // A Service selects by a map of labels, all else by an object that holds one.
    const free = freeMaps.includes(key) ||
      (key === "selector" && !Object.hasOwn(part as object, "matchLabels"));
    const inside = free ? [] : misspell(part);
    return [{ ...rest, [`${key}s`]: part }, ...inside.map((changed) => ({ ...rest, [key]: changed }))];
  });
}

Deno.test("every field of the manifest is one of Kubernetes' API, at its place and of its type", async () => {
  const lines: string[] = [];
  let misspelt = 0;
  for (const [index, resource] of readManifest().entries()) {
    const { apiVersion, kind } = resource;
    lines.push(
      `import type { ${kind} as Kind${index} } from "kubernetes-types/${modules[apiVersion]}.d.ts";`,
    );
    lines.push(`export const resource${index}: Kind${index} = ${JSON.stringify(resource)};`);
    // The types would take them, too, if they knew nothing: each of these has to be refused.
    for (const [at, changed] of misspell(resource).entries()) {
      lines.push("// @ts-expect-error: a misspelt field");
      lines.push(`export const misspelt${index}_${at}: Kind${index} = ${JSON.stringify(changed)};`);
      misspelt++;
    }
  }
  assert.ok(misspelt > 300);
  await Deno.mkdir(`${repositoryRoot}/build/tests`, { recursive: true });
  const path = `${repositoryRoot}/build/tests/kubernetes_manifest.ts`;
  await Deno.writeTextFile(path, lines.join("\n"));
  const { success, stderr } = await new Deno.Command(`${repositoryRoot}/scripts/deno`, {
    args: ["check", "--quiet", "--config", `${repositoryRoot}/deno.json`, path],
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stderr);
  assert.ok(success, text.replaceAll(/(.{300}).*/g, "$1"));
});

Deno.test("the agent's pod has five capabilities, its state and nothing else of the node but its processes", () => {
  const { spec, container } = findPod("agent");
  assert.deepEqual(container.securityContext, {
    ...{ runAsUser: 0, runAsGroup: 0, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
    capabilities: { drop: ["ALL"], add: ["BPF", "PERFMON", "SYS_PTRACE", "DAC_READ_SEARCH", "SYSLOG"] },
    seccompProfile: { type: "RuntimeDefault" },
    appArmorProfile: { type: "Unconfined" },
  });
  assert.deepEqual([spec.hostPID, spec.hostNetwork, spec.hostIPC], [true, undefined, undefined]);
  const hostPaths = spec.volumes!.flatMap(({ name, hostPath }) =>
    hostPath === undefined ? [] : [[name, hostPath.path]]
  );
  assert.deepEqual(hostPaths, [["state", "/var/lib/stakeout"]]);
  const writable = container.volumeMounts!.filter(({ readOnly }) => !readOnly);
  assert.deepEqual(writable, [{ name: "state", mountPath: "/var/lib/stakeout" }]);
  assert.deepEqual(spec.tolerations, [{ operator: "Exists" }]);
  assert.deepEqual(container.env!.find(({ name }) => name === "NODE_NAME")?.valueFrom, {
    fieldRef: { fieldPath: "spec.nodeName" },
  });
  assert.equal(container.ports, undefined);
});

Deno.test("the server's pod has no capability, no root and nothing of the node", () => {
  const { spec, container } = findPod("server");
  assert.deepEqual(container.securityContext, {
    ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
  });
  const { runAsNonRoot, runAsUser, runAsGroup, seccompProfile } = spec.securityContext!;
  assert.deepEqual([runAsNonRoot, runAsUser, runAsGroup, seccompProfile?.type], [
    true,
    65532,
    65532,
    "RuntimeDefault",
  ]);
  assert.deepEqual([spec.hostPID, spec.hostNetwork, spec.hostIPC], [undefined, undefined, undefined]);
  assert.ok(spec.volumes!.every(({ hostPath }) => hostPath === undefined));
  const writable = container.volumeMounts!.filter(({ readOnly }) => !readOnly);
  assert.deepEqual(writable, [{ name: "state", mountPath: "/var/lib/stakeout" }]);
});

Deno.test("the only right at the Kubernetes API is the agents' to watch pods", () => {
  const roles = readManifest().filter(({ kind }) => /Role/.test(kind)).map(({ kind }) => kind);
  assert.deepEqual(roles, ["ClusterRole", "ClusterRoleBinding"]);
  const role = findResource<ClusterRole>("ClusterRole", "stakeout-agent");
  assert.deepEqual(role.rules, [{ apiGroups: [""], resources: ["pods"], verbs: ["watch"] }]);
  const { roleRef, subjects } = findResource<ClusterRoleBinding>("ClusterRoleBinding", "stakeout-agent");
  assert.equal(roleRef.name, "stakeout-agent");
  assert.deepEqual(subjects, [{ kind: "ServiceAccount", name: "stakeout-agent", namespace: "stakeout" }]);
  const accounts = readManifest().filter(({ kind }) => kind === "ServiceAccount") as (Resource & {
    automountServiceAccountToken?: boolean;
  })[];
  assert.deepEqual(accounts.map((each) => [each.metadata.name, each.automountServiceAccountToken]), [
    ["stakeout-agent", false],
    ["stakeout-server", false],
  ]);
  assert.deepEqual(
    ["agent", "server"].map((part) => findPod(part as "agent").spec.automountServiceAccountToken),
    [
      true,
      false,
    ],
  );
  // No secret comes with it, so nobody runs on a token that all can read.
  assert.ok(!readManifest().some(({ kind }) => kind === "Secret"));
});

function assertLimits(spec: PodSpec): void {
  for (const { resources, image } of spec.containers) {
    assert.ok(resources?.limits?.["memory"] && resources.requests?.["memory"] && resources.requests["cpu"]);
    assert.equal(image, `stakeout:${version}`);
  }
}

Deno.test("the parts of the manifest name each other rightly", () => {
  const agents = findResource<DaemonSet>("DaemonSet", "stakeout-agent");
  const servers = findResource<Deployment>("Deployment", "stakeout-server");
  for (const { spec } of [agents, servers]) {
    const { labels } = spec!.template.metadata!;
    assert.deepEqual({ ...labels, ...spec!.selector.matchLabels }, labels);
    assert.equal(labels!["app.kubernetes.io/version"], version);
    assertLimits(spec!.template.spec!);
    const volumes = spec!.template.spec!.volumes!.map(({ name }) => name).sort();
    assert.deepEqual(
      spec!.template.spec!.containers[0]!.volumeMounts!.map(({ name }) => name).sort(),
      volumes,
    );
  }
  const { spec: service, metadata } = findResource<Service>("Service", "stakeout-server");
  assert.deepEqual(service!.selector, servers.spec!.selector.matchLabels);
  const [port] = servers.spec!.template.spec!.containers[0]!.ports!;
  assert.deepEqual(service!.ports, [{ name: "https", port: port!.containerPort, targetPort: port!.name }]);
  const policies = ["agent", "server"].map((part) =>
    findResource<NetworkPolicy>("NetworkPolicy", `stakeout-${part}`).spec!
  );
  assert.deepEqual(policies.map(({ podSelector }) => podSelector), [
    agents.spec!.selector,
    servers.spec!.selector,
  ]);
  assert.deepEqual([policies[0]!.ingress, policies[1]!.egress], [[], []]);

  const backend = new URL(
    findPod("agent").container.env!.find(({ name }) => name === "STAKEOUT_BACKEND")!.value!,
  );
  assert.equal(backend.host, `${metadata!.name}.${metadata!.namespace}.svc:${port!.containerPort}`);
  const { data } = findResource<ConfigMap>("ConfigMap", "stakeout-server");
  const { source, problems } = parseConfig(data!["stakeout.yaml"]!, () => undefined);
  assert.deepEqual(problems, []);
  assert.deepEqual([source.listen, source.hostNames], [`0.0.0.0:${port!.containerPort}`, [backend.hostname]]);
});

for (const part of ["agent", "server"] as const) {
  Deno.test(`the program takes the arguments and the environment of the ${part}'s pod`, async () => {
    const { container } = findPod(part);
    const variables = (container.env ?? []).map(({ name }) => name).filter((name) => name !== "NODE_NAME");
    const [command, ...flags] = container.args!;
    assert.equal(command, part);
    const help = (await runProgram([part, "--help"])).stdout;
    for (const flag of flags.filter((word) => word.startsWith("--"))) {
      assert.match(help, new RegExp(`${flag} <`));
    }
    for (const name of variables) assert.match(help, new RegExp(`\(env: ${name}\)`), name);
  });
}
