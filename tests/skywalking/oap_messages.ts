/** SkyWalking's messages as proto-loader hands them over: names as in the protos, 64-bit numbers as numbers. */
export interface Pair {
  readonly key: string;
  readonly value: string;
}

export interface Command {
  readonly command: string;
  readonly args: readonly Pair[];
}

export interface Commands {
  readonly commands: readonly Command[];
}

export interface EntityMetadata {
  readonly layer: string;
  readonly serviceName: string;
  readonly instanceName: string;
  readonly processName: string;
  readonly labels: readonly string[];
}

export interface ProcessMetadata {
  readonly entity: EntityMetadata;
  readonly pid: number;
  readonly properties: readonly Pair[];
}

export interface ProcessReportList {
  readonly processes: readonly { hostProcess?: ProcessMetadata; k8sProcess?: ProcessMetadata }[];
  readonly ebpfAgentID: string;
}

export interface PingList {
  readonly processes: readonly { entityMetadata: EntityMetadata }[];
  readonly ebpfAgentID: string;
}

export interface PolicyQuery {
  readonly policies: readonly { serviceName: string; uuid: string }[];
}

export interface Cause {
  readonly type: string;
  readonly singleValue?: { threshold: number; current: number };
  readonly uri?: { regex?: string; path?: string; uri: string; threshold: number; current: number };
}

export interface TaskReport {
  readonly layer: string;
  readonly serviceName: string;
  readonly instanceName: string;
  readonly processName: string;
  readonly causes: readonly Cause[];
  readonly duration: number;
  readonly onCPU?: object;
  readonly offCPU?: object;
  readonly network?: { samplingURIRegexes: readonly string[] };
}

export interface TaskQuery {
  readonly roverInstanceId: string;
  readonly latestUpdateTime: number;
}

export interface StackMetadata {
  readonly stackType: string;
  readonly stackId: number;
  readonly stackSymbols: readonly string[];
}

export interface ProfilingDatum {
  readonly task?: {
    readonly taskId: string;
    readonly processId: string;
    readonly profilingStartTime: number;
    readonly currentTime: number;
  };
  readonly onCPU?: { stacks: readonly StackMetadata[]; dumpCount: number };
  readonly offCPU?: { stacks: readonly StackMetadata[]; switchCount: number; duration: number };
}

export interface MeterLabel {
  readonly name: string;
  readonly value: string;
}

export interface Meter {
  readonly singleValue?: { name: string; labels: readonly MeterLabel[]; value: number };
  readonly histogram?: {
    name: string;
    labels: readonly MeterLabel[];
    values: readonly { bucket: number; count: number }[];
  };
  readonly service: string;
  readonly serviceInstance: string;
  readonly timestamp: number;
}

export interface MeterCollection {
  readonly meterData: readonly Meter[];
}

export interface Log {
  readonly timestamp: number;
  readonly service: string;
  readonly serviceInstance: string;
  readonly layer: string;
  readonly body: { readonly type: string; readonly json: { readonly json: string } };
  readonly traceContext: {
    readonly traceId: string;
    readonly traceSegmentId: string;
    readonly spanId: number;
  };
  readonly tags: { readonly data: readonly Pair[] };
}

export interface Instant {
  readonly seconds: number;
  readonly nanos: number;
}

export interface SpanEvent {
  readonly event: string;
  readonly startTime: Instant;
  readonly endTime: Instant;
  readonly tags: readonly Pair[];
  readonly summary: readonly unknown[];
  readonly traceContext: {
    readonly type: string;
    readonly traceId: string;
    readonly traceSegmentId: string;
    readonly spanId: string;
  };
}

/** A command with its arguments. */
export function makeCommand(command: string, args: Readonly<Record<string, string>>): Command {
  return { command, args: Object.entries(args).map(([key, value]) => ({ key, value })) };
}
