import type { WaitState } from "../../gen/stakeout/v1/profile_pb.ts";
import type { SeenThread, StackFrames } from "./stack_reader.ts";

/** What one thread spent on one pair of stacks since the last read. */
export interface StackSample {
  readonly pid: number;
  readonly tid: number;
  readonly frames: StackFrames;
  /** What is drawn: samples on-CPU, nanoseconds blocked off-CPU. */
  readonly weight: number;
  /** What the loss counts count: samples on-CPU, as `weight`; waits off-CPU. */
  readonly events: number;
  /** Off-CPU only. */
  readonly wait?: { readonly state: WaitState; readonly runQueueNs: number };
}

/** A thread that waits at the moment of the read; its time so far is in the samples. */
export interface WaitingThread {
  readonly pid: number;
  readonly tid: number;
  readonly frames: StackFrames;
  readonly state: WaitState;
  /** Since it left its CPU, or since the session began. */
  readonly waitedNs: number;
}

/** What happened since the last read. */
export interface StackRead {
  readonly samples: readonly StackSample[];
  readonly threads: readonly SeenThread[];
  /** Longest first; none on-CPU. */
  readonly waiting: readonly WaitingThread[];
}

/** Switches out of a CPU since the start, as SwitchCounts of the wire. */
export interface SwitchCounts {
  readonly switches: number;
  readonly involuntary: number;
  readonly picked: number;
  readonly brief: number;
  readonly briefNs: number;
}

/** Counts of events since the start. At the end, after detach(): taken = sum of all events + lostKernel. */
export interface SessionCounters {
  readonly taken: number;
  readonly lostKernel: number;
  readonly truncated: number;
  /** Off-CPU only. */
  readonly switches?: SwitchCounts;
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
