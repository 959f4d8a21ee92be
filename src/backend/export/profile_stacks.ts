import { type Frame, FrameKind, type Profile, WaitState } from "../../gen/stakeout/v1/profile_pb.ts";
import { type WaitReason, waitReason } from "../../model/wait_reason.ts";

/** Name of a frame for people: its function, else module and address. */
export function nameFrame(frame: Frame, strings: readonly string[]): string {
  const name = strings[frame.function];
  if (name) return name;
  const module = strings[frame.module]?.replace(/^.*\//, "");
  // An address of code that a process made itself tells nobody anything.
  if (module && frame.kind === FrameKind.JIT) return module;
  const address = `0x${frame.address.toString(16)}`;
  return module ? `${module}+${address}` : address;
}

/** One sample with what its indexes stand for. */
export interface ReadSample {
  /** Indexes of frames, leaf first. */
  readonly frames: readonly number[];
  readonly thread: number;
  readonly weight: bigint;
  /** The other three are 0 on-CPU. */
  readonly waits: bigint;
  readonly runQueueNs: bigint;
  readonly state: WaitState;
}

/** Each sample of a profile. */
export function* readSamples(profile: Profile): Iterable<ReadSample> {
  for (const [index, stack] of profile.sampleStacks.entries()) {
    yield {
      frames: profile.stacks[stack]?.frames ?? [],
      thread: profile.sampleThreads[index] ?? 0,
      weight: profile.sampleWeights[index] ?? 0n,
      waits: profile.sampleWaits[index] ?? 0n,
      runQueueNs: profile.sampleRunQueueNs[index] ?? 0n,
      state: profile.sampleStates[index] ?? WaitState.UNSPECIFIED,
    };
  }
}

/** Why a sample's thread was off its CPU, by the kernel's functions of its stack. */
export function readReason({ frames, state }: ReadSample, profile: Profile): WaitReason {
  const kernel = frames.flatMap((index) => {
    const frame = profile.frames[index];
    return frame?.kind === FrameKind.KERNEL ? [profile.strings[frame.function] ?? ""] : [];
  });
  return waitReason(kernel, state === WaitState.PREEMPTED);
}
