import type { SeenThread, StackFrames } from "./stack_reader.ts";

/** What one thread spent on one pair of stacks since the last read. */
export interface StackSample {
  readonly pid: number;
  readonly tid: number;
  readonly frames: StackFrames;
  /** What is drawn: samples on-CPU. */
  readonly weight: number;
  /** What the loss counts count: samples on-CPU, as `weight`. */
  readonly events: number;
}

/** What happened since the last read. */
export interface StackRead {
  readonly samples: readonly StackSample[];
  readonly threads: readonly SeenThread[];
}

/** Counts of events since the start. At the end, after detach(): taken = sum of all events + lostKernel. */
export interface SessionCounters {
  readonly taken: number;
  readonly lostKernel: number;
  readonly truncated: number;
}

/** The kernel's side of one profile of stacks: its programs on their hooks, and their maps. */
export interface StackSession {
  /** Reads what was counted since the last call. */
  read(): StackRead;
  counters(): SessionCounters;
  /** Which frames are missing and why, in sentences. */
  explainMissing(): string[];
  /** Stops counting; once resolved, the next read is the last that finds something. */
  detach(): Promise<void>;
  /** Detaches and frees everything. */
  close(): Promise<void>;
}
