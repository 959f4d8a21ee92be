import { type Frame, FrameKind, type Profile } from "../../gen/stakeout/v1/profile_pb.ts";

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

/** Each sample of a profile as its frames, leaf first, with thread and weight. */
export function* readSamples(
  profile: Profile,
): Iterable<{ frames: readonly number[]; thread: number; weight: bigint }> {
  for (const [index, stack] of profile.sampleStacks.entries()) {
    const frames = profile.stacks[stack]?.frames ?? [];
    yield { frames, thread: profile.sampleThreads[index] ?? 0, weight: profile.sampleWeights[index] ?? 0n };
  }
}
