import type { Cause } from "./cause.ts";
import type { ProfileKind } from "./policy.ts";
import type { Process } from "./process.ts";
import type { LossCounts } from "./profile.ts";

/** Where a task is in its life; all but `running` are final. */
export const taskStates = ["running", "done", "stopped", "target_exited", "failed", "agent_stopped"] as const;

/** One of {@linkcode taskStates}. */
export type TaskState = typeof taskStates[number];

/** One run of one or more kinds of profile together. */
export interface Task {
  /** 32 hexadecimal digits, made by the agent. */
  readonly id: string;
  /** `""` for a profile that somebody asked for by hand. */
  readonly policy: string;
  readonly policyVersion: number;
  /** One process, or at most two for a host-wide rule. */
  readonly processes: readonly Process[];
  readonly host: string;
  /** Absent for a profile that somebody asked for by hand. */
  readonly cause?: Cause;
  readonly kinds: readonly ProfileKind[];
  readonly state: TaskState;
  /** Why it failed or ended early; `""` otherwise. */
  readonly message: string;
  /** On CLOCK_BOOTTIME. */
  readonly startedAtBootNs: number;
  /** On CLOCK_BOOTTIME; 0 while it runs. */
  readonly endedAtBootNs: number;
  /** As asked for; a task may end earlier. */
  readonly durationSeconds: number;
  readonly frequencyHz: number;
  /** Waits shorter than this are in no off-CPU profile. */
  readonly offCpuMinimumNs: number;
  readonly loss: LossCounts;
}
