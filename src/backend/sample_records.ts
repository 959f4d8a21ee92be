import { systemClock } from "../../lib/clock.ts";
import { create } from "@bufbuild/protobuf";
import {
  type AgentInfo,
  AgentInfoSchema,
  type Record as ReportRecord,
  RecordSchema,
} from "../gen/stakeout/v1/agent_service_pb.ts";
import { FrameKind } from "../gen/stakeout/v1/profile_pb.ts";
import { ProfileKind, TaskState } from "../gen/stakeout/v1/task_pb.ts";

/** Id of the task that the samples below are about. */
export const sampleTaskId = "0123456789abcdef0123456789abcdef";

/** Who reports in tests. */
export function sampleAgent(agentId = "agent-1"): AgentInfo {
  return create(AgentInfoSchema, { agentId, host: `host-of-${agentId}`, version: "0.0.0", cpus: 2 });
}

/** The whole inventory: `count` processes of one service. */
export function sampleInventory(sequence: number, count: number, prefix = "p"): ReportRecord {
  const changed = Array.from({ length: count }, (_, index) => ({
    id: `${prefix}-${index}`,
    pid: 1000 + index,
    name: `worker-${index}`,
    exe: `/srv/checkout/bin/worker-${index}`,
    service: index % 2 === 0 ? "checkout" : "billing",
    instance: `pod-${index}`,
  }));
  const uses = changed.map(({ id }, index) => ({ processId: id, cpuPercent: index, threads: index + 1 }));
  const value = { full: true, changed, uses, atUnixMs: BigInt(systemClock.nowUnixMs()) };
  return create(RecordSchema, { sequence: BigInt(sequence), body: { case: "inventory", value } });
}

/** `seconds` slots of CPU of one process, all of one value. */
export function sampleMetrics(
  sequence: number,
  { startMs, seconds = 5, value = 42, processId = "p-0" }: {
    startMs: number;
    seconds?: number;
    value?: number;
    processId?: string;
  },
): ReportRecord {
  return create(RecordSchema, {
    sequence: BigInt(sequence),
    body: {
      case: "metrics",
      value: {
        startUnixMs: BigInt(startMs),
        seconds,
        series: [{ processId, metric: "process_cpu" }],
        values: new Array(seconds).fill(value),
        states: new Uint8Array(seconds).fill(1),
      },
    },
  });
}

/** A task over the first process of `sampleInventory`. */
export function sampleTask(
  sequence: number,
  { agentId = "agent-1", id = sampleTaskId, state = TaskState.RUNNING, startMs = systemClock.nowUnixMs() } =
    {},
): ReportRecord {
  return create(RecordSchema, {
    sequence: BigInt(sequence),
    body: {
      case: "task",
      value: {
        id,
        agentId,
        policy: "hot",
        policyVersion: 1,
        processIds: ["p-0"],
        services: ["checkout"],
        instances: ["pod-0"],
        pids: [1000],
        exes: ["/srv/checkout/bin/worker-0"],
        cause: { metric: "process_cpu", threshold: 80, periodSeconds: 10, count: 5, reached: 5 },
        kinds: [ProfileKind.ON_CPU],
        state,
        startedAtUnixMs: BigInt(startMs),
        durationSeconds: 60,
        frequencyHz: 99,
        host: `host-of-${agentId}`,
      },
    },
  });
}

/** A chunk of five seconds: `leaf` under `main`, seven samples in each second, tables in chunk 0 only. */
export function sampleChunk(
  sequence: number,
  { number, startMs, id = sampleTaskId }: { number: number; startMs: number; id?: string },
): ReportRecord {
  const first = number === 0;
  const tables = {
    strings: ["", "leaf", "main", "/srv/app"],
    frames: [
      { kind: FrameKind.USER, function: 1, module: 3, address: 0x10n },
      { kind: FrameKind.USER, function: 2, module: 3, address: 0x20n },
    ],
    stacks: [{ frames: [0, 1] }],
    threads: [{ tid: 1000, name: "worker", processId: "p-0" }],
  };
  const bases = { stringsBase: 4, framesBase: 2, stacksBase: 1, threadsBase: 1 };
  return create(RecordSchema, {
    sequence: BigInt(sequence),
    body: {
      case: "profile",
      value: {
        taskId: id,
        kind: ProfileKind.ON_CPU,
        number,
        startUnixMs: BigInt(startMs + number * 5000),
        seconds: 5,
        ...first ? tables : bases,
        sampleStacks: [0, 0, 0, 0, 0],
        sampleThreads: [0, 0, 0, 0, 0],
        sampleSeconds: [0, 1, 2, 3, 4],
        sampleWeights: [7n, 7n, 7n, 7n, 7n],
        loss: { taken: 37n, stored: 35n, lostKernel: 2n },
      },
    },
  });
}
