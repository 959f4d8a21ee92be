import type { Profile } from "../../gen/stakeout/v1/profile_pb.ts";

/**
 * The profile without the frames of languages' runtimes: what ran in them counts for the function that called them. A stack of
 * which nothing would be left stays whole.
 */
export function hideRuntimeFrames(profile: Profile): Profile {
  const stacks = profile.stacks.map((stack) => {
    const shown = stack.frames.filter((frame) => profile.frames[frame]?.runtime !== true);
    return shown.length === 0 ? stack : { ...stack, frames: shown };
  });
  return { ...profile, stacks };
}
