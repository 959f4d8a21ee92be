import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { EBPFProcessProperties } from "../../gen/skywalking/v3/ebpf_process_pb.ts";
import type { EBPFProfilingData } from "../../gen/skywalking/v3/ebpf_profiling_pb.ts";
import { MeterDataCollectionSchema } from "../../gen/skywalking/v3/meter_pb.ts";
import type { MetricColumns } from "../../gen/stakeout/v1/agent_service_pb.ts";
import type { NetworkChunk } from "../../gen/stakeout/v1/network_pb.ts";
import type { ProfileChunk } from "../../gen/stakeout/v1/profile_pb.ts";
import { SkyWalkingRecordSchema } from "../../gen/stakeout/v1/skywalking_queue_pb.ts";
import { ProfileKind, type Task, TaskState } from "../../gen/stakeout/v1/task_pb.ts";
import type { QueuedRecord, RecordBody } from "../report_wire.ts";
import type { Entity } from "./entity.ts";
import { MeterEncoder, type MeterOwners } from "./meters.ts";
import { NetworkMeters } from "./network_meters.ts";
import { toSampleLog, toSpanEvents } from "./sample_messages.ts";
import { SampledRequests } from "./sampled_requests.ts";
import { noSampling, samplingOfCause, type SamplingRules } from "./sampling_rules.ts";
import { StackData } from "./stack_data.ts";
import type { TaskKey } from "./task_ids.ts";
import { toTaskReport } from "./task_report.ts";

/** Who is profiled, as an OAP knows it. */
export interface ReportedProcess {
  readonly entity: Entity;
  readonly properties: EBPFProcessProperties;
}

/** What the encoder asks of its surroundings. */
export interface EncoderParts {
  readonly owners: MeterOwners;
  /** Undefined for a process that has gone, or is not reported. */
  processOf(processId: string): ReportedProcess | undefined;
  /** The OAP's id of a process. */
  oapIdOf(this: void, entity: Entity): string;
  /** Whether the OAP knows the task already: it was asked for there. */
  isKnown(key: TaskKey): boolean;
}

/** A task that runs. */
interface Run {
  task: Task;
  readonly processes: ReadonlyMap<string, ReportedProcess>;
  readonly stacks: Map<ProfileKind, StackData>;
  /** When the last part of a kind was dated. */
  readonly lastAtUnixMs: Map<ProfileKind, number>;
  readonly samples: SampledRequests;
  network?: NetworkMeters;
}

const recordBytes = 512 * 1024;

/**
 * Makes what is queued for an OAP of what the agent reports: meters, tasks, stacks by name, and sampled requests. Status,
 * inventory, refusals and the traffic of HTTP have no place there.
 *
 * A task is told with its first chunk, not before: one whose profiler cannot start is no task to an OAP.
 */
export class RecordEncoder {
  readonly #parts: EncoderParts;
  readonly #meters: MeterEncoder;
  readonly #runs = new Map<string, Run>();
  /** Of tasks that run. */
  readonly #sampling = new Map<string, SamplingRules>();

  constructor(parts: EncoderParts) {
    this.#parts = parts;
    this.#meters = new MeterEncoder(parts.owners);
  }

  /** See {@linkcode ReportWire.encode}. */
  encode(body: RecordBody): QueuedRecord[] {
    switch (body.case) {
      case "metrics":
        return this.#encodeMetrics(body.value as MetricColumns);
      case "task":
        this.#follow(body.value as Task);
        return [];
      case "profile":
        return this.#encodeChunk(body.value as ProfileChunk);
      case "network":
        return this.#encodeNetwork(body.value as NetworkChunk);
      default:
        return [];
    }
  }

  /** Which requests are told of a task that somebody asked for and that has just started; of others those that its cause is about. */
  setSampling(taskId: string, rules: SamplingRules): void {
    this.#sampling.set(taskId, rules);
  }

  /** From the task's next chunk on; false when it has ended. */
  changeSampling(taskId: string, rules: SamplingRules): boolean {
    const runs = this.#sampling.has(taskId);
    if (runs) this.#sampling.set(taskId, rules);
    return runs;
  }

  #encodeMetrics(columns: MetricColumns): QueuedRecord[] {
    const records: QueuedRecord[] = [];
    let collections: Uint8Array[] = [];
    let bytes = 0;
    for (const collection of this.#meters.encode(columns)) {
      collections.push(collection);
      bytes += collection.length;
      if (bytes < recordBytes) continue;
      records.push(toRecord("metrics", { case: "meters", value: { collections } }));
      collections = [];
      bytes = 0;
    }
    if (collections.length > 0) records.push(toRecord("metrics", { case: "meters", value: { collections } }));
    return records;
  }

  #follow(task: Task): void {
    if (task.state !== TaskState.RUNNING) {
      this.#runs.delete(task.id);
      this.#sampling.delete(task.id);
      return;
    }
    const known = this.#runs.get(task.id);
    if (known !== undefined) {
      // It was extended.
      known.task = task;
      return;
    }
    if (task.cause !== undefined) this.#sampling.set(task.id, samplingOfCause(task.cause));
    const processes = new Map<string, ReportedProcess>();
    for (const id of task.processIds) {
      const process = this.#parts.processOf(id);
      if (process !== undefined) processes.set(id, process);
    }
    this.#runs.set(task.id, {
      ...{ task, processes, stacks: new Map(), lastAtUnixMs: new Map() },
      samples: new SampledRequests(),
    });
  }

  #encodeChunk(chunk: ProfileChunk): QueuedRecord[] {
    const run = this.#runs.get(chunk.taskId);
    if (run === undefined) return [];
    const isFirst = !run.stacks.has(chunk.kind);
    const stacks = run.stacks.get(chunk.kind) ?? new StackData();
    run.stacks.set(chunk.kind, stacks);
    const endUnixMs = Number(chunk.startUnixMs) + chunk.seconds * 1000;
    // A chunk that was full before its seconds were over ends when the next one does.
    const atUnixMs = Math.max(endUnixMs, (run.lastAtUnixMs.get(chunk.kind) ?? 0) + 1);
    run.lastAtUnixMs.set(chunk.kind, atUnixMs);
    const tasks = isFirst ? this.#encodeTasks(run, chunk.kind) : [];
    const profiles = stacks.add(chunk).filter(({ processId }) => run.processes.has(processId)).flatMap((
      { processId, data },
    ) =>
      splitData(data).map((part) =>
        toRecord("profile", {
          case: "profile",
          value: {
            key: { taskId: chunk.taskId, kind: chunk.kind, processId },
            startedAtUnixMs: run.task.startedAtUnixMs,
            atUnixMs: BigInt(atUnixMs),
            data: part,
          },
        })
      )
    );
    return [...tasks, ...profiles];
  }

  #encodeNetwork(chunk: NetworkChunk): QueuedRecord[] {
    const run = this.#runs.get(chunk.taskId);
    if (run === undefined) return [];
    const tasks = run.network === undefined ? this.#encodeTasks(run, ProfileKind.NETWORK) : [];
    run.network ??= new NetworkMeters();
    const owners = {
      entityOf: (id: string) => this.#parts.owners.entityOf(id),
      idOf: this.#parts.oapIdOf,
    };
    const made = run.network.add(chunk, owners);
    const collections = made.map((collection) => toBinary(MeterDataCollectionSchema, collection));
    const meters = collections.map((one) =>
      toRecord("profile", { case: "meters", value: { collections: [one] } })
    );
    const rules = this.#sampling.get(chunk.taskId) ?? noSampling;
    const sampled = run.samples.add(chunk, rules, owners);
    const logs = sampled.map(toSampleLog);
    const events = sampled.flatMap(toSpanEvents);
    return [
      ...tasks,
      ...meters,
      ...logs.length === 0 ? [] : [toRecord("profile", { case: "logs", value: { logs } })],
      ...events.length === 0 ? [] : [toRecord("profile", { case: "spanEvents", value: { events } })],
    ];
  }

  #encodeTasks({ task, processes }: Run, kind: ProfileKind): QueuedRecord[] {
    return [...processes].flatMap(([processId, { entity, properties }]) => {
      const key = { taskId: task.id, kind, processId };
      if (this.#parts.isKnown(key)) return [];
      const { cause, durationSeconds } = task;
      const report = toTaskReport(entity, { cause, kind, durationSeconds });
      return [toRecord("task", { case: "task", value: { key, process: properties, report } })];
    });
  }
}

function toRecord(
  recordClass: QueuedRecord["class"],
  body: NonNullable<MessageInitShape<typeof SkyWalkingRecordSchema>["body"]>,
): QueuedRecord {
  return {
    class: recordClass,
    body: toBinary(SkyWalkingRecordSchema, create(SkyWalkingRecordSchema, { body })),
  };
}

/** Parts that a record can hold: a chunk is at most 1 MiB, but names that it has once may be here in many stacks. */
function splitData(data: readonly EBPFProfilingData[]): EBPFProfilingData[][] {
  const parts: EBPFProfilingData[][] = [];
  let bytes = Infinity;
  for (const one of data) {
    if (bytes >= recordBytes) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(one);
    for (const { stackSymbols } of one.profiling.value?.stacks ?? []) {
      for (const symbol of stackSymbols) bytes += 4 + symbol.length * 3;
    }
  }
  return parts;
}
