import type { Target } from "../../model/target.ts";
import type { PointColumns } from "./point_buckets.ts";

/** Key of one series within an agent. */
export interface SeriesKey {
  /** Empty for host-wide metrics. */
  readonly processId: string;
  readonly metric: string;
  readonly uri: string;
  /** As in Series.variant of the wire; empty for most. */
  readonly variant: string;
}

/** A process of the inventory, as stored. */
export interface ProcessRow {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly name: string;
  readonly exe: string;
  readonly service: string;
  readonly instance: string;
  readonly cgroup: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The Process message. */
  readonly data: Uint8Array;
}

/** A task, as stored. */
export interface TaskRow {
  readonly id: string;
  readonly policy: string;
  readonly metric: string;
  readonly state: number;
  readonly startedAtMs: number;
  readonly deadlineMs: number;
  readonly processes: readonly { readonly id: string; readonly service: string }[];
  /** All searchable words, lower case. */
  readonly search: string;
  /** The Task message. */
  readonly data: Uint8Array;
}

/** What one record of a report asks to store. */
export type ReportItem =
  | { readonly kind: "status"; readonly data: Uint8Array }
  | {
    readonly kind: "inventory";
    readonly full: boolean;
    readonly changed: readonly ProcessRow[];
    readonly uses: readonly { readonly id: string; readonly cpuPercent: number; readonly threads: number }[];
    readonly gone: readonly string[];
    readonly atMs: number;
  }
  | {
    readonly kind: "metrics";
    readonly startSecond: number;
    readonly seconds: number;
    readonly series: readonly SeriesKey[];
    readonly values: Float32Array;
    readonly states: Uint8Array;
  }
  | { readonly kind: "task"; readonly task: TaskRow }
  | {
    readonly kind: "profile";
    readonly taskId: string;
    readonly profileKind: number;
    readonly number: number;
    readonly startMs: number;
    readonly data: Uint8Array;
    /** Ends of traffic that a network chunk tells of. */
    readonly ends?: readonly { readonly edge: number; readonly pair: string; readonly isServer: boolean }[];
  }
  | {
    readonly kind: "refusal";
    readonly policy: string;
    readonly processId: string;
    readonly reason: string;
    readonly firstMs: number;
    readonly lastMs: number;
    readonly data: Uint8Array;
  }
  | {
    readonly kind: "http";
    readonly startMs: number;
    readonly seconds: number;
    readonly processes: readonly {
      readonly id: string;
      readonly client: boolean;
      /** The ProcessHttp message. */
      readonly data: Uint8Array;
    }[];
  };

/** A batch of one agent, ascending by sequence. */
export interface ReportBatch {
  readonly agentId: string;
  /** The AgentInfo message. */
  readonly info: Uint8Array;
  readonly atMs: number;
  /** Highest sequence of the batch, refused records included. */
  readonly lastSequence: number;
  readonly items: readonly { readonly sequence: number; readonly item: ReportItem }[];
}

export interface StoredAgent {
  readonly id: string;
  readonly lastSeenMs: number;
  readonly info: Uint8Array;
  readonly status: Uint8Array | undefined;
}

export interface ProcessQuery {
  readonly search?: string;
  readonly service?: string;
  readonly agentId?: string;
  readonly ids?: readonly string[];
  readonly order: "cpu" | "service" | "name" | "pid" | "threads";
  readonly offset: number;
  readonly limit: number;
  readonly includeEnded: boolean;
}

export interface StoredProcess {
  readonly id: string;
  readonly agentId: string;
  readonly host: string;
  readonly cpuPercent: number;
  readonly threads: number;
  /** 0 while it lives. */
  readonly endedAtMs: number;
  readonly data: Uint8Array;
}

/** HTTP of one side of a process within one record. */
export interface StoredHttp {
  readonly processId: string;
  readonly startMs: number;
  readonly seconds: number;
  /** The ProcessHttp message. */
  readonly data: Uint8Array;
}

export interface StoredService {
  readonly service: string;
  readonly instances: number;
  readonly processes: number;
  readonly cpuPercent: number;
  readonly tasks: number;
}

export interface MetricQuery {
  readonly agentId: string;
  readonly series: readonly SeriesKey[];
  readonly fromMs: number;
  readonly toMs: number;
  /** 1 to 2,000. */
  readonly maxPoints: number;
}

export interface TaskQuery {
  readonly search?: string;
  readonly policy?: string;
  readonly service?: string;
  readonly metric?: string;
  readonly processId?: string;
  readonly states?: readonly number[];
  readonly fromMs: number;
  readonly toMs: number;
  readonly offset: number;
  readonly limit: number;
}

/** The other end of an edge, in another task's network profile. */
export interface FarEnd {
  readonly edge: number;
  /** What both ends have in common. */
  readonly pair: string;
  readonly taskId: string;
  readonly farEdge: number;
  readonly agentId: string;
  /** The other Task message. */
  readonly task: Uint8Array;
}

export interface StoredPolicy {
  readonly name: string;
  readonly version: number;
  readonly source: string;
  readonly updatedAtMs: number;
}

export interface StoredPolicyVersion extends StoredPolicy {
  /** created, updated, paused, resumed, deleted. */
  readonly change: string;
}

/** Outcome of a change of policies; `conflict` names the stored version when it is not the expected one. */
export type PolicyChange =
  | { readonly kind: "saved"; readonly setVersion: number }
  | { readonly kind: "conflict"; readonly version: number }
  | { readonly kind: "missing" };

export interface StoreSizes {
  readonly databaseBytes: number;
  readonly profileBytes: number;
  /** 0 when there is no task. */
  readonly oldestTaskMs: number;
  readonly tasks: number;
  readonly runningTasks: number;
  readonly liveProcesses: number;
  readonly series: number;
  readonly journalEntries: number;
  /** True after a write failed for lack of space, until one succeeds. */
  readonly full: boolean;
}

/**
 * Where the backend keeps everything. Every method may reject with a StoreError. What a promise confirms survives a
 * kill of the process; tasks, profiles and policies also survive a loss of power.
 */
export interface Store {
  /** Stores the records above the agent's highest sequence, all or none; answers the highest sequence stored. */
  putReport(batch: ReportBatch): Promise<number>;
  listAgents(): Promise<StoredAgent[]>;

  listProcesses(query: ProcessQuery): Promise<{ rows: StoredProcess[]; total: number }>;
  /** Living processes that a target matches; at most `limit` are listed. */
  matchProcesses(target: Target, limit: number): Promise<{ rows: StoredProcess[]; total: number }>;
  listServices(): Promise<StoredService[]>;

  /** Keys that hold data: of a process and of its agent's host-wide metrics. */
  listSeries(agentId: string, processId: string): Promise<SeriesKey[]>;
  queryMetrics(query: MetricQuery): Promise<{ stepSeconds: number; series: PointColumns[] }>;
  /** Newest slot of each series in the last two minutes. */
  newestValues(
    series: readonly (SeriesKey & { readonly agentId: string })[],
    nowMs: number,
  ): Promise<(number | undefined)[]>;

  /** HTTP records of these processes, newest first: up to five minutes of each side of each, `limit` in all. */
  listHttp(processIds: readonly string[], limit: number): Promise<StoredHttp[]>;

  listTasks(query: TaskQuery): Promise<{ tasks: Uint8Array[]; total: number }>;
  getTask(id: string): Promise<
    { agentId: string; data: Uint8Array; kinds: number[]; profileBytes: number } | undefined
  >;
  /** Chunks of one profile from number `from` on, in order, about 4 MiB at most; fewer than all, so ask on. */
  readChunks(taskId: string, kind: number, from: number): Promise<{ number: number; data: Uint8Array }[]>;
  /** The other ends of the edges of a task's network profile, in tasks that ran at the same time; at most 4,096. */
  listFarEnds(taskId: string): Promise<FarEnd[]>;
  /** Tasks of each policy and process. */
  countTrips(
    policy?: string,
  ): Promise<{ policy: string; processId: string; trips: number; lastMs: number }[]>;

  /** Newest first: all, or those of a process or of a policy. */
  listRefusals(limit: number, of?: { processId: string } | { policy: string }): Promise<Uint8Array[]>;

  listPolicies(): Promise<{ policies: StoredPolicy[]; setVersion: number }>;
  listPolicyVersions(name: string): Promise<StoredPolicyVersion[]>;
  /** Saves all or none. `expectedVersion` is for a single one; 0 expects none. */
  savePolicies(
    policies: readonly { name: string; source: string; change?: "paused" | "resumed" }[],
    atMs: number,
    expectedVersion?: number,
  ): Promise<PolicyChange>;
  deletePolicy(name: string, atMs: number): Promise<PolicyChange>;

  sizes(nowMs: number): Promise<StoreSizes>;
  /** Closes the file cleanly; nothing else may be called any more. */
  close(): Promise<void>;
}
