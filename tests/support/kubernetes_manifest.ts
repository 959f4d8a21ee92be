import type { DaemonSet, Deployment } from "kubernetes-types/apps/v1.d.ts";
import type { Container, PodSpec } from "kubernetes-types/core/v1.d.ts";
import { parseAllDocuments } from "yaml";
import { repositoryRoot } from "../../scripts/command.ts";

/** A document of the manifest. */
export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

const path = `${repositoryRoot}/deploy/kubernetes/stakeout.yaml`;

/** Reads the manifest as Kubernetes does: by YAML 1.1, in which `0400` is octal. */
export function readManifest(): Resource[] {
  return parseAllDocuments(Deno.readTextFileSync(path), { version: "1.1" }).map((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return document.toJS();
  });
}

/** The commands of the comment at its beginning: its lines that are set in furthest. */
export function readManifestCommands(): string[] {
  const comment = Deno.readTextFileSync(path).split("\napiVersion:")[0]!;
  return comment.split("\n").filter((line) => /^# {6}/.test(line)).map((line) => line.slice(7));
}

/** The one resource of a kind and name. */
export function findResource<T>(kind: string, name: string): T {
  const found = readManifest().filter((each) => each.kind === kind && each.metadata.name === name);
  if (found.length !== 1) throw new Error(`${found.length} resources are a ${kind} ${name}`);
  return found[0] as T;
}

/** The agent's or the server's pod, and the only container in it. */
export function findPod(part: "agent" | "server"): { spec: PodSpec; container: Container } {
  const workload = part === "agent"
    ? findResource<DaemonSet>("DaemonSet", "stakeout-agent")
    : findResource<Deployment>("Deployment", "stakeout-server");
  const spec = workload.spec!.template.spec!;
  if (spec.containers.length !== 1 || spec.initContainers !== undefined) {
    throw new Error("More than one container");
  }
  return { spec, container: spec.containers[0]! };
}
