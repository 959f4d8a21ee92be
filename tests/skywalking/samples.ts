import { create } from "@bufbuild/protobuf";
import type { Logger } from "../../lib/log.ts";
import { FrameKind, type ProfileChunk, ProfileChunkSchema } from "../../src/gen/stakeout/v1/profile_pb.ts";
import {
  ProfileKind,
  SlotState,
  type Task,
  TaskSchema,
  TaskState,
} from "../../src/gen/stakeout/v1/task_pb.ts";
import type { Process } from "../../src/model/process.ts";

/** A process of a service on a host, not in any container. */
export function sampleProcess(service: string, pid: number, more: Partial<Process> = {}): Process {
  return {
    ...{ id: `0123abcd-${pid.toString(36)}-${pid}`, pid, parentPid: 1, startBootNs: pid, name: service },
    ...{
      exe: `/usr/bin/${service}`,
      service,
      instance: "host-1",
      cgroup: "",
      uid: 0,
      containerId: "",
      labels: {},
    },
    ...more,
  };
}

/** A task of one process that tripped on its CPU. */
export function sampleTask(id: string, process: Process, state = TaskState.RUNNING): Task {
  return create(TaskSchema, {
    ...{
      id,
      policy: "hot",
      processIds: [process.id],
      pids: [process.pid],
      kinds: [ProfileKind.ON_CPU],
      state,
    },
    cause: {
      ...{ rule: 0, metric: "process_cpu", threshold: 80, periodSeconds: 3, count: 2, reached: 2 },
      slots: [
        { state: SlotState.VALUE, value: 12 },
        { state: SlotState.VALUE, value: 85.5 },
        { state: SlotState.VALUE, value: 97 },
      ],
    },
    startedAtUnixMs: 1_700_000_000_000n,
    durationSeconds: 600,
  });
}

/**
 * Chunk `number` of a task: a stack of user and kernel names and one of user names alone, with weights 3 and 1, of which the
 * second has names that no other chunk has.
 */
export function sampleChunk(taskId: string, process: Process, number: number): ProfileChunk {
  const strings = number === 0 ? ["", "main", "work", "do_syscall_64", "/usr/bin/app"] : [];
  const base = { strings: number === 0 ? 0 : 5 + number, frames: number === 0 ? 0 : 3 + number };
  const frames = number === 0
    ? [
      { kind: FrameKind.USER, function: 1, module: 4, address: 0x10n },
      { kind: FrameKind.USER, function: 2, module: 4, address: 0x20n },
      { kind: FrameKind.KERNEL, function: 3, module: 0, address: 0x30n },
    ]
    : [];
  const own = { kind: FrameKind.USER, function: 5 + number, module: 4, address: BigInt(0x1000 + number) };
  return create(ProfileChunkSchema, {
    ...{ taskId, kind: ProfileKind.ON_CPU, number, seconds: 5 },
    startUnixMs: BigInt(1_700_000_000_000 + number * 5000),
    stringsBase: base.strings,
    strings: [...strings, `only_${number}`],
    framesBase: base.frames,
    frames: [...frames, own],
    stacksBase: number === 0 ? 0 : 1 + number,
    stacks: [...number === 0 ? [{ frames: [2, 1, 0] }] : [], { frames: [3 + number, 0] }],
    threadsBase: 0,
    threads: number === 0 ? [{ tid: process.pid, name: "main", processId: process.id }] : [],
    sampleStacks: [0, 0, 1 + number],
    sampleThreads: [0, 0, 0],
    sampleSeconds: [0, 1, 4],
    sampleWeights: [1n, 2n, 1n],
  });
}

/** Keeps what is logged: `level message key=value …`. */
export function listeningLogger(): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  const at = (level: string) => (message: string, fields: Record<string, unknown> = {}) => {
    const texts = Object.entries(fields).map(([key, value]) => ` ${key}=${String(value)}`);
    lines.push(`${level} ${message}${texts.join("")}`);
  };
  return { logger: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") }, lines };
}
