import type { Profile } from "../../src/gen/stakeout/v1/profile_pb.ts";

/** Names of a pair of stacks, leaf first, as a message has them; their numbers are always the same. */
export function stacks(kernel: string[], user: string[]) {
  return [
    ...(kernel.length === 0 ? [] : [{ stackType: "PROCESS_KERNEL_SPACE", stackId: 1, stackSymbols: kernel }]),
    ...(user.length === 0 ? [] : [{ stackType: "PROCESS_USER_SPACE", stackId: 2, stackSymbols: user }]),
  ];
}

/** One datum of an on-CPU profile. */
export function onCpu(kernel: string[], user: string[], dumpCount: number) {
  return { onCPU: { stacks: stacks(kernel, user), dumpCount } };
}

/** Weights of a profile by its stacks, root first. */
export function fold({ strings, frames, stacks, sampleStacks, sampleWeights }: Profile): Map<string, bigint> {
  const folded = new Map<string, bigint>();
  sampleStacks.forEach((stack, index) => {
    const symbols = stacks[stack]!.frames.map((frame) => strings[frames[frame]!.function]!);
    const key = symbols.toReversed().join(";");
    folded.set(key, (folded.get(key) ?? 0n) + sampleWeights[index]!);
  });
  return folded;
}
