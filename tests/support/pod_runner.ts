import assert from "node:assert/strict";
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import { repositoryRoot } from "../../scripts/command.ts";
import { findPod, findResource, readManifestCommands } from "./kubernetes_manifest.ts";
import { type RunningStakeout, startStakeout } from "./stakeout.ts";

/** Makes the secrets that the manifest asks for, by its own commands with a stand-in for kubectl: FOLDER/NAME/KEY. */
export async function makeSecrets(folder: string): Promise<void> {
  const stub = `kubectl() {
  [[ "\${*:3:3}" == "create secret generic" ]] || return 0
  mkdir "$6"
  for flag in "\${@:7}"; do
    case $flag in
      --from-literal=*) flag=\${flag#*=}; printf %s "\${flag#*=}" >"$6/\${flag%%=*}" ;;
      --from-file=*) cp "\${flag#*=}" "$6/" ;;
    esac
  done
}`;
  const { success, stderr } = await new Deno.Command("bash", {
    args: ["-euc", [stub, ...readManifestCommands()].join("\n")],
    cwd: folder,
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

/** What a pod is run with, besides what the manifest says. */
export interface PodOptions {
  readonly secrets: string;
  /** Empty, the pod's own. */
  readonly folder: string;
  /** Folder of a cgroup, which the pod's processes join. */
  readonly cgroup: string;
  /** Lines for /etc/hosts. */
  readonly hosts: string;
  /** What the cluster puts in: the values of fields, the service account, the addresses of services. */
  readonly env: Record<string, string>;
  readonly serviceAccount?: string;
  /** Only known now: flags after the manifest's. */
  readonly flags?: readonly string[];
}

/** Runs the only container of the agent's or the server's pod with its user, rights, environment, files and arguments. */
export async function startPod(part: "agent" | "server", options: PodOptions): Promise<RunningStakeout> {
  const { spec, container } = findPod(part);
  const { folder } = options;
  const context = { ...spec.securityContext, ...container.securityContext };
  const group = spec.securityContext?.fsGroup ?? 0;
  const mounts: string[] = [];
  for (const { name, mountPath } of container.volumeMounts!) {
    const source = `${folder}/volumes/${name}`;
    await Deno.mkdir(source, { recursive: true, mode: 0o775 });
    const { secret, configMap } = spec.volumes!.find((volume) => volume.name === name)!;
    for (const { key, path } of secret?.items ?? []) {
      await Deno.copyFile(`${options.secrets}/${secret!.secretName}/${key}`, `${source}/${path}`);
      await Deno.chown(`${source}/${path}`, 0, group);
      await Deno.chmod(`${source}/${path}`, secret!.defaultMode!);
    }
    const { data = {} } = configMap === undefined
      ? {}
      : findResource<ConfigMap>("ConfigMap", configMap.name!);
    for (const [key, text] of Object.entries(data)) await Deno.writeTextFile(`${source}/${key}`, text);
    await Deno.chown(source, 0, group);
    await Deno.chmod(source, 0o775);
    mounts.push(`${source} ${mountPath}`);
  }
  if (spec.automountServiceAccountToken) {
    mounts.push(`${options.serviceAccount} /var/run/secrets/kubernetes.io/serviceaccount`);
  }
  await Deno.writeTextFile(`${folder}/mounts`, mounts.map((line) => `${line}\n`).join(""));
  await Deno.writeTextFile(`${folder}/hosts`, options.hosts);

  const added = (context.capabilities!.add ?? []).map((name) => `+${name.toLowerCase()}`);
  const rights = [
    ...[`--reuid=${context.runAsUser}`, `--regid=${context.runAsGroup}`, "--clear-groups", "--no-new-privs"],
    ...["--inh-caps=-all", `--bounding-set=${["-all", ...added].join(",")}`],
  ];
  assert.deepEqual(context.capabilities!.drop, ["ALL"]);
  const env = (container.env ?? []).filter(({ value }) => value !== undefined).map((
    { name, value },
  ) => [name, value!]);
  return startStakeout([...container.args!, ...options.flags ?? []], {
    under: [`${repositoryRoot}/tests/support/run_in_pod`, options.cgroup, folder, "setpriv", ...rights],
    env: { ...Object.fromEntries(env), ...options.env },
  });
}
