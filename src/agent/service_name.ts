import type { ServiceOverride } from "../model/config.ts";
import { matchGlob } from "../model/target.ts";
import type { CgroupFacts } from "./container.ts";

/** What the Kubernetes API says of the container a process runs in. */
export interface PodName {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  /** `Deployment`, `StatefulSet`, …; `Pod` where nothing made the pod. */
  readonly workloadKind: string;
  readonly workload: string;
  /** `""` until the API knows the container's id. */
  readonly containerName: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What a container's manager calls it. */
export interface ContainerName {
  readonly name: string;
  /** `""` when Compose did not make it. */
  readonly composeService: string;
}

/** What is known of a process before it has a service. */
export interface ServiceFacts {
  /** Kernel's short name. */
  readonly name: string;
  readonly exe: string;
  readonly cgroup: CgroupFacts;
  readonly container?: ContainerName;
  /** Those of {@linkcode serviceVariables} that are set. */
  readonly environment: ReadonlyMap<string, string>;
}

/** Which service a process belongs to. */
export interface ServiceName {
  readonly service: string;
  readonly instance: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What names are made by, besides what is known of the process itself. */
export interface NamingOptions {
  readonly host: string;
  readonly overrides: readonly ServiceOverride[];
  /** Asks the Kubernetes API's pods, where they are known. */
  readonly findPod?: (cgroup: CgroupFacts) => PodName | undefined;
}

/** Variables of a process's environment that name it; no other is looked at. */
export const serviceVariables: readonly string[] = ["OTEL_SERVICE_NAME", "SW_AGENT_NAME", "HOSTNAME"];

const longestName = 255;
/** Letters and digits that Kubernetes makes its random suffixes of: none that could spell a word. */
const random = "[bcdfghjklmnpqrstvwxz2456789]";
const workloadPatterns = [
  new RegExp(`^(.+)-${random}{6,10}-${random}{5}$`), // Deployment
  new RegExp(`^(.+)-${random}{5}$`), // DaemonSet, Job
  /^(.+)-\d+$/, // StatefulSet
];

/**
 * Names a process's service without configuration: an override, `OTEL_SERVICE_NAME` or `SW_AGENT_NAME` of its
 * environment, its Kubernetes workload, its Compose service or container, its systemd unit, or its executable. The
 * instance is its pod, container or host. Pods that the Kubernetes API does not name are called after `HOSTNAME`.
 *
 * All but overrides, host and the API's names is the process's own word and may be anything, up to 255 characters.
 */
export function nameService(
  facts: ServiceFacts,
  options: NamingOptions,
): ServiceName {
  const { cgroup, container, environment, exe } = facts;
  const override = options.overrides.find(({ match }) => matchGlob(match, exe));
  const pod = options.findPod?.(cgroup);
  const podName = pod?.name ?? findPodName(facts, options.host);
  const candidates = [
    override?.service,
    environment.get("OTEL_SERVICE_NAME"),
    environment.get("SW_AGENT_NAME"),
    pod?.workload ?? findWorkload(podName),
    container?.composeService,
    container?.name,
    cgroup.containerName,
    cgroup.systemdUnit,
    exe.slice(exe.lastIndexOf("/") + 1),
  ];
  const instances = [
    override?.instance,
    podName,
    cgroup.podUid,
    container?.name,
    cgroup.containerId.slice(0, 12),
    cgroup.containerName,
  ];
  return {
    service: firstName(candidates) ?? facts.name,
    instance: firstName(instances) ?? options.host,
    labels: { ...makeLabels(facts, podName, pod), ...override?.labels },
  };
}

/** By OpenTelemetry's names, and the pod's own `app.kubernetes.io/…`. */
function makeLabels({ cgroup, container }: ServiceFacts, podName: string, pod: PodName | undefined) {
  const found: Record<string, string | undefined> = {
    "k8s.pod.name": podName,
    "k8s.pod.uid": pod?.uid ?? cgroup.podUid,
    "k8s.namespace.name": pod?.namespace,
    "k8s.container.name": pod?.containerName,
    "container.name": container?.name,
    "systemd.unit": cgroup.systemdUnit,
  };
  if (pod !== undefined && pod.workloadKind !== "Pod") {
    found[`k8s.${pod.workloadKind.toLowerCase()}.name`] = pod.workload;
  }
  const set = Object.entries(found).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return { ...pod?.labels, ...Object.fromEntries(set) };
}

/** A pod's host name is the pod's, unless it uses the host's network. */
function findPodName({ cgroup, environment }: ServiceFacts, host: string): string {
  const hostName = environment.get("HOSTNAME") ?? "";
  return cgroup.podUid === "" || hostName === host ? "" : hostName.slice(0, longestName);
}

function findWorkload(podName: string): string {
  for (const pattern of workloadPatterns) {
    const workload = pattern.exec(podName)?.[1];
    if (workload !== undefined) return workload;
  }
  return podName;
}

function firstName(names: readonly (string | undefined)[]): string | undefined {
  return names.map((name) => name?.trim().slice(0, longestName)).find((name) =>
    name !== undefined && name !== ""
  );
}
