import { createHash } from "node:crypto";
import type {
  Commands,
  EntityMetadata,
  Log,
  Meter,
  PingList,
  PolicyQuery,
  ProcessMetadata,
  ProcessReportList,
  ProfilingDatum,
  SpanEvent,
  TaskReport,
} from "./oap_messages.ts";
import { makeCommand } from "./oap_messages.ts";

/** TARGET → MONITOR → condition, as in the JSON of an OAP. */
export type Profiling = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** A task that an agent reported. */
export interface StoredTask extends TaskReport {
  readonly taskId: string;
}

/** One row of an OAP's table of stacks. */
export interface StoredStack {
  readonly taskId: string;
  readonly processId: string;
  readonly uploadTime: number;
  /** Kernel, then user: names, leaf first. */
  readonly symbols: readonly string[];
  readonly datum: ProfilingDatum;
}

interface CachedPolicy {
  readonly untilMs: number;
  readonly policy: { uuid: string; profiling: Profiling } | undefined;
}

/** How the OAP that is played remembers policies. */
export interface StoreOptions {
  /** As SW_CONTINUOUS_POLICY_CACHE_TIMEOUT; 0 is no cache. */
  readonly cacheSeconds: number;
  /** Answer a question of which all services are remembered without a look at the uuids, as OAP 10.2 and newer do. */
  readonly skipsKnown: boolean;
}

/** What an OAP keeps, by the keys it keeps it by: what comes twice under one key is one row. */
export class OapStore {
  readonly policies = new Map<string, { uuid: string; profiling: Profiling }>();
  readonly processes = new Map<string, ProcessMetadata>();
  readonly agentIds = new Set<string>();
  readonly beats: EntityMetadata[][] = [];
  readonly tasks: StoredTask[] = [];
  readonly stacks = new Map<string, StoredStack>();
  /** Stacks that came again under the key of another row, and said something else. */
  readonly conflicts: StoredStack[] = [];
  readonly meters: Meter[] = [];
  readonly logs: Log[] = [];
  readonly spanEvents: SpanEvent[] = [];
  readonly #options: StoreOptions;
  readonly #cache = new Map<string, CachedPolicy>();

  constructor(options: StoreOptions) {
    this.#options = options;
  }

  /** Saves a policy as a user does; without one the service is left without, and the row goes. */
  save(service: string, profiling: Profiling | undefined): string {
    if (profiling === undefined) {
      this.policies.delete(service);
      return "";
    }
    const uuid = createHash("sha512").update(JSON.stringify(profiling)).digest("hex");
    this.policies.set(service, { uuid, profiling });
    return uuid;
  }

  queryPolicies({ policies }: PolicyQuery): Commands {
    const nowMs = performance.now();
    const held = new Map(policies.map(({ serviceName, uuid }) => [serviceName, uuid]));
    const unknown = [...held.keys()].filter((service) => !((this.#cache.get(service)?.untilMs ?? 0) > nowMs));
    if (unknown.length === 0 && this.#options.skipsKnown) return { commands: [] };
    for (const service of unknown) {
      const untilMs = nowMs + this.#options.cacheSeconds * 1000;
      this.#cache.set(service, { untilMs, policy: this.policies.get(service) });
    }
    const changed = [...held].flatMap(([ServiceName, uuid]) => {
      const policy = this.#cache.get(ServiceName)?.policy;
      if (policy === undefined) return uuid === "" ? [] : [{ ServiceName, UUID: "" }];
      return policy.uuid === uuid ? [] : [{ ServiceName, UUID: policy.uuid, Profiling: policy.profiling }];
    });
    if (changed.length === 0) return { commands: [] };
    const args = { SerialNumber: crypto.randomUUID(), ServiceWithPolicyJSON: JSON.stringify(changed) };
    return { commands: [makeCommand("ContinuousProfilingPolicyQuery", args)] };
  }

  reportProcesses({ processes, ebpfAgentID }: ProcessReportList) {
    this.agentIds.add(ebpfAgentID);
    return {
      processes: processes.map(({ hostProcess, k8sProcess }) => {
        const metadata = (hostProcess ?? k8sProcess)!;
        const processId = processIdOf(metadata.entity);
        this.processes.set(processId, metadata);
        const known = { pid: metadata.pid, entityMetadata: metadata.entity };
        return { processId, ...(hostProcess === undefined ? { k8sProcess: known } : { hostProcess: known }) };
      }),
    };
  }

  keepAlive({ processes, ebpfAgentID }: PingList): void {
    this.agentIds.add(ebpfAgentID);
    this.beats.push(processes.map(({ entityMetadata }) => entityMetadata));
  }

  reportTask(report: TaskReport): Commands {
    const start = Date.now();
    const taskId = sha256(`${serviceIdOf(report.serviceName)}${start}`);
    this.tasks.push({ ...report, taskId });
    return {
      commands: [makeCommand("ContinuousProfilingReportTask", { SerialNumber: "1", TaskId: taskId })],
    };
  }

  /** Takes one message of a stream; gives the task that those after it belong to. */
  addStacks(datum: ProfilingDatum, before: ProfilingDatum["task"]): ProfilingDatum["task"] {
    const task = datum.task ?? before;
    if (task === undefined) throw new Error("The first of a stream has no task");
    const profiling = datum.onCPU ?? datum.offCPU;
    if (profiling === undefined) throw new Error("the profiling data not set");
    const order = ["PROCESS_KERNEL_SPACE", "PROCESS_USER_SPACE"];
    const stacks = order.flatMap((type) => profiling.stacks.filter(({ stackType }) => stackType === type));
    const schedule = sha256(`${task.taskId}_${task.processId}_${task.profilingStartTime}`);
    const key = `${schedule} ${stacks.map(({ stackId }) => stackId).join("_")} ${task.currentTime}`;
    const row = {
      ...{ taskId: task.taskId, processId: task.processId, uploadTime: task.currentTime, datum },
      symbols: stacks.flatMap(({ stackSymbols }) => stackSymbols),
    };
    const known = this.stacks.get(key);
    if (known === undefined) this.stacks.set(key, row);
    else if (
      JSON.stringify([known.symbols, known.datum.onCPU]) !== JSON.stringify([row.symbols, datum.onCPU])
    ) {
      this.conflicts.push(row);
    }
    return task;
  }

  /** Folded stacks of a task, root first, as an OAP's analysis sums them: rows alike in time, count and names are one. */
  fold(taskId: string): Map<string, number> {
    const rows = new Map<string, StoredStack>();
    for (const row of this.stacks.values()) {
      if (row.taskId !== taskId) continue;
      rows.set(JSON.stringify([row.uploadTime, row.datum.onCPU?.dumpCount, row.symbols]), row);
    }
    const folded = new Map<string, number>();
    for (const { symbols, datum } of rows.values()) {
      const stack = symbols.toReversed().join(";");
      folded.set(stack, (folded.get(stack) ?? 0) + (datum.onCPU?.dumpCount ?? datum.offCPU?.duration ?? 0));
    }
    return folded;
  }
}

/** An OAP's ids are made of names. */
export function processIdOf({ serviceName, instanceName, processName }: EntityMetadata): string {
  return sha256(`${processName}_${serviceIdOf(serviceName)}_${btoa(instanceName)}`);
}

function serviceIdOf(service: string): string {
  return `${btoa(service)}.1`;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
