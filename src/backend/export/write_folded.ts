import { type CollapsedStack, formatCollapsed } from "../../../lib/pprof/collapsed.ts";
import type { Profile } from "../../gen/stakeout/v1/profile_pb.ts";
import { nameFrame, readSamples } from "./profile_stacks.ts";

/** Folded stacks, root to leaf; weights in samples, or nanoseconds blocked off-CPU. */
export function writeFolded(profile: Profile): Uint8Array<ArrayBuffer> {
  const names = profile.frames.map((frame) => nameFrame(frame, profile.strings));
  const stacks: CollapsedStack[] = [];
  for (const { frames, weight } of readSamples(profile)) {
    // Preempted threads were never blocked.
    if (weight === 0n) continue;
    const path = frames.map((frame) => names[frame] ?? "[lost]").reverse();
    stacks.push({ frames: path, weight: Number(weight) });
  }
  return new TextEncoder().encode(formatCollapsed(stacks));
}
