import type { ServiceOverride } from "../model/config.ts";
import { matchGlob } from "../model/target.ts";
import type { CgroupFacts } from "./container.ts";

/** What is known of a process before it has a service. */
export interface ServiceFacts {
  /** Kernel's short name. */
  readonly name: string;
  readonly exe: string;
  readonly cgroup: CgroupFacts;
  /** Those of {@linkcode serviceVariables} that are set. */
  readonly environment: ReadonlyMap<string, string>;
}

/** Which service a process belongs to. */
export interface ServiceName {
  readonly service: string;
  readonly instance: string;
  readonly labels: Readonly<Record<string, string>>;
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
 * environment, its Kubernetes workload, its container, its systemd unit, or its executable. The instance is its pod,
 * container or host.
 *
 * All but overrides and host is the process's own word and may be anything, up to 255 characters.
 */
export function nameService(
  facts: ServiceFacts,
  options: { host: string; overrides: readonly ServiceOverride[] },
): ServiceName {
  const { cgroup, environment, exe } = facts;
  const override = options.overrides.find(({ match }) => matchGlob(match, exe));
  const podName = findPodName(facts, options.host);
  const candidates = [
    override?.service,
    environment.get("OTEL_SERVICE_NAME"),
    environment.get("SW_AGENT_NAME"),
    findWorkload(podName),
    cgroup.containerName,
    cgroup.systemdUnit,
    exe.slice(exe.lastIndexOf("/") + 1),
  ];
  const instances = [
    override?.instance,
    podName,
    cgroup.podUid,
    cgroup.containerId.slice(0, 12),
    cgroup.containerName,
  ];
  const labels: Record<string, string> = {};
  if (podName !== "") labels["k8s.pod.name"] = podName;
  if (cgroup.podUid !== "") labels["k8s.pod.uid"] = cgroup.podUid;
  if (cgroup.systemdUnit !== "") labels["systemd.unit"] = cgroup.systemdUnit;
  return {
    service: firstName(candidates) ?? facts.name,
    instance: firstName(instances) ?? options.host,
    labels: { ...labels, ...override?.labels },
  };
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
