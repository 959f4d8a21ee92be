import { createHash } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { EBPFProcessEntityMetadata } from "../../gen/skywalking/v3/ebpf_process_pb.ts";
import type { ProcessSchema } from "../../gen/stakeout/v1/process_pb.ts";
import type { Process } from "../../model/process.ts";

/** What SkyWalking tells processes apart by: nothing of it is a pid or a start time. */
export interface RoverNames {
  readonly layer: string;
  readonly service: string;
  readonly instance: string;
  readonly processName: string;
}

/** A process that SkyWalking's agent reported. */
export interface RoverProcess extends RoverNames {
  readonly id: string;
  readonly agentId: string;
  readonly pid: number;
  /** False when the agent says that it cannot take on-CPU profiles of it. */
  readonly canProfile: boolean;
  /** As the inventory has it. */
  readonly row: MessageInitShape<typeof ProcessSchema>;
  /** As targets of policies look at it. */
  readonly model: Process;
  keptAtMs: number;
  /** As its meters told last. */
  use: { readonly cpuPercent: number; readonly threads: number };
}

type Properties = Readonly<Record<string, string>>;

const longestName = 200;
const longestValue = 1_000;
const longestPath = 4_000;
const mostLabels = 16;
const podLabels = { pod_name: "k8s.pod.name", container_name: "k8s.container.name" } as const;

/** Key of the names: processes with the same one are one to SkyWalking. */
export function namesKey({ layer, service, instance, processName }: RoverNames): string {
  return JSON.stringify([layer, service, instance, processName]);
}

/** The names in a message; undefined when the service, the instance or the process has none or a name is too long. */
export function readNames(entity: EBPFProcessEntityMetadata | undefined): RoverNames | undefined {
  if (entity === undefined) return undefined;
  const { layer, serviceName: service, instanceName: instance, processName } = entity;
  if (service === "" || instance === "" || processName === "") return undefined;
  if ([layer, service, instance, processName].some((text) => text.length > longestName)) return undefined;
  return { layer, service, instance, processName };
}

/** Puts a reported process into ours. Its id is the same across restarts of the agent and of the backend. */
export function toRoverProcess(
  agentId: string,
  names: RoverNames,
  { pid, properties, labels, atMs }: {
    pid: number;
    properties: Properties;
    labels: readonly string[];
    atMs: number;
  },
): RoverProcess {
  const digest = createHash("sha256").update(JSON.stringify([agentId, namesKey(names), pid])).digest("hex");
  const id = `rover-${digest.slice(0, 32)}`;
  const path = properties["command_line"]?.slice(0, longestPath).split(/\s/, 1)[0] ?? "";
  const allLabels = {
    ...readPodLabels(properties),
    "skywalking.layer": names.layer,
    "skywalking.process": names.processName,
    ...(labels.length === 0
      ? {}
      : { "skywalking.labels": labels.slice(0, mostLabels).join(",").slice(0, longestValue) }),
    ...(properties["support_ebpf_profiling"] === "false" ? { "skywalking.profiling": "no" } : {}),
  };
  const row = {
    ...{ id, pid, startedAtUnixMs: 0n, name: names.processName, exe: path.startsWith("/") ? path : "" },
    ...{ service: names.service, instance: names.instance, labels: allLabels },
  };
  return fromRow(agentId, row, atMs);
}

/** A process out of the inventory, as `toRoverProcess` made it; undefined when it did not. */
export function restoreRoverProcess(
  agentId: string,
  row: MessageInitShape<typeof ProcessSchema>,
  atMs: number,
): RoverProcess | undefined {
  return row.labels?.["skywalking.process"] === undefined ? undefined : fromRow(agentId, row, atMs);
}

function fromRow(agentId: string, row: MessageInitShape<typeof ProcessSchema>, atMs: number): RoverProcess {
  const { id = "", pid = 0, name = "", exe = "", service = "", instance = "", labels = {} } = row;
  const model = {
    ...{ id, pid, parentPid: 0, startBootNs: 0, name, exe, service, instance },
    ...{ cgroup: "", uid: 0, containerId: "", labels },
  };
  return {
    ...{ id, agentId, pid, service, instance, row, model },
    layer: labels["skywalking.layer"] ?? "",
    processName: labels["skywalking.process"] ?? "",
    canProfile: labels["skywalking.profiling"] !== "no",
    keptAtMs: atMs,
    use: { cpuPercent: 0, threads: 0 },
  };
}

function readPodLabels(properties: Properties): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [property, label] of Object.entries(podLabels)) {
    const value = properties[property];
    if (value !== undefined && value !== "") found[label] = value.slice(0, longestValue);
  }
  return found;
}
