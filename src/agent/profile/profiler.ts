import type { NetworkChunk } from "../../gen/stakeout/v1/network_pb.ts";
import type { ProfileChunk } from "../../gen/stakeout/v1/profile_pb.ts";
import type { LossCounts } from "../../model/profile.ts";
import type { Task } from "../../model/task.ts";

/** What profilers make: stacks, or whom processes talk to. */
export type Chunk = ProfileChunk | NetworkChunk;

/** Where a profiler hands its chunks: the queue on disk, or files. Resolves when the chunk is safe there. */
export type ChunkSink<C extends Chunk = ProfileChunk> = (chunk: C) => Promise<void>;

/** How a profile ended. */
export interface ProfileOutcome {
  readonly state: "done" | "stopped" | "target_exited" | "failed";
  /** What went wrong or was degraded, one sentence; `""` when nothing. */
  readonly message: string;
  readonly loss: LossCounts;
  /** When it stopped sampling, on CLOCK_BOOTTIME; naming its last stacks comes after. */
  readonly endedAtBootNs: number;
}

/** What a running profile tells a terminal. */
export interface ProfileProgress {
  readonly elapsedSeconds: number;
  readonly loss: LossCounts;
  /** Leaf functions so far with their share of all weight, 0 to 1, heaviest first. */
  readonly top: readonly { name: string; share: number }[];
}

/** What a run looks at each second: both may change while it runs. */
export interface RunControl {
  /** Aborted when the task is to end early. */
  readonly signal: AbortSignal;
  /** Length of the task; it grows when somebody extends it. */
  readonly durationSeconds: number;
}

/** One run of one kind of profile over the processes of a task. */
export interface Profiler<C extends Chunk = ProfileChunk> {
  /**
   * Runs until `control`'s duration is over, every target is gone, or its signal aborts; what was taken until then is
   * handed over in each case. Never rejects because of the target.
   */
  run(task: Task, sink: ChunkSink<C>, control: RunControl): Promise<ProfileOutcome>;
}
