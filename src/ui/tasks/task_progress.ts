import { type Task, TaskState } from "../../gen/stakeout/v1/task_pb.ts";
import { formatSpan } from "../format.ts";

/** How far a task is. */
export interface TaskProgress {
  readonly running: boolean;
  /** Seconds it ran so far, or in all. */
  readonly seconds: number;
  /** 0 to 1 of its duration. */
  readonly share: number;
  /** `12 s of 10 min`, or `10 min` once it ended. */
  readonly text: string;
}

/** Tells how far a task is at a moment of wall time. */
export function taskProgress(task: Task, nowUnixMs: number): TaskProgress {
  const running = task.state === TaskState.RUNNING;
  const end = running || task.endedAtUnixMs === 0n ? nowUnixMs : Number(task.endedAtUnixMs);
  const seconds = Math.max(0, (end - Number(task.startedAtUnixMs)) / 1000);
  if (!running) return { running, seconds, share: 1, text: formatSpan(seconds) };
  const shown = Math.min(seconds, task.durationSeconds);
  return {
    running,
    seconds: shown,
    share: task.durationSeconds === 0 ? 1 : shown / task.durationSeconds,
    text: `${formatSpan(shown)} of ${formatSpan(task.durationSeconds)}`,
  };
}
