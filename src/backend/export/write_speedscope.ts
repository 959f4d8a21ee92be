import type { Profile } from "../../gen/stakeout/v1/profile_pb.ts";
import { ProfileKind } from "../../gen/stakeout/v1/task_pb.ts";
import { nameFrame, readSamples } from "./profile_stacks.ts";

/**
 * Speedscope's JSON: one "sampled" profile a thread, heaviest first, over one table of frames.
 *
 * Shape: `shared.frames[].name`, `profiles[].samples` (indexes of frames, root to leaf) and `profiles[].weights`,
 * with `endValue` their sum.
 */
export function writeSpeedscope(profile: Profile, name: string): Uint8Array<ArrayBuffer> {
  const threads = new Map<number, { samples: number[][]; weights: number[]; total: number }>();
  for (const { frames, thread, weight } of readSamples(profile)) {
    let columns = threads.get(thread);
    if (columns === undefined) {
      columns = { samples: [], weights: [], total: 0 };
      threads.set(thread, columns);
    }
    columns.samples.push([...frames].reverse());
    columns.weights.push(Number(weight));
    columns.total += Number(weight);
  }
  const file = {
    $schema: "https://www.speedscope.app/file-format-schema.json",
    exporter: "stakeout",
    name,
    activeProfileIndex: 0,
    shared: {
      frames: profile.frames.map((frame) => {
        const file = profile.strings[frame.file || frame.module];
        return {
          name: nameFrame(frame, profile.strings),
          ...file && { file },
          ...frame.line > 0 && { line: frame.line },
        };
      }),
    },
    profiles: [...threads].sort(([, left], [, right]) => right.total - left.total)
      .map(([thread, { samples, weights, total }]) => ({
        type: "sampled",
        name: `${profile.threads[thread]?.name ?? ""} (${profile.threads[thread]?.tid ?? 0})`,
        unit: profile.kind === ProfileKind.OFF_CPU ? "nanoseconds" : "none",
        startValue: 0,
        endValue: total,
        samples,
        weights,
      })),
  };
  return new TextEncoder().encode(JSON.stringify(file));
}
