import { encodePprof, type PprofFrame, type PprofValueType } from "../../../lib/pprof/encode.ts";
import type { Profile } from "../../gen/stakeout/v1/profile_pb.ts";
import { ProfileKind } from "../../gen/stakeout/v1/task_pb.ts";
import { nameFrame, readSamples } from "./profile_stacks.ts";

const second = 1_000_000_000n;
const lost: PprofFrame = { function: "[lost]", file: "", address: 0n };

/** What the export needs to know beyond the profile. */
export interface PprofOptions {
  /** Samples a second; 0 when the profile does not sample. */
  readonly frequencyHz: number;
  /** Length of the range. */
  readonly durationSeconds: number;
}

/** Gzipped pprof: samples and CPU time, or waited time, with the thread as a label. */
export async function writePprof(profile: Profile, options: PprofOptions): Promise<Uint8Array<ArrayBuffer>> {
  const sampled = profile.kind === ProfileKind.ON_CPU && options.frequencyHz > 0;
  const periodNs = sampled ? Math.round(1e9 / options.frequencyHz) : 1;
  const frames = profile.frames.map((frame): PprofFrame => ({
    // A frame without a name keeps it that way: file and address tell.
    function: frame.function === 0 && frame.module !== 0 ? "" : nameFrame(frame, profile.strings),
    file: profile.strings[frame.module] ?? "",
    address: frame.address,
    ...(frame.file !== 0 && { source: { file: profile.strings[frame.file] ?? "", line: frame.line } }),
    inlined: frame.inlined,
  }));
  const samples = Array.from(readSamples(profile), ({ frames: stack, thread, weight }) => ({
    frames: stack.map((index) => frames[index] ?? lost),
    values: sampled ? [weight, weight * BigInt(periodNs)] : [weight],
    labels: { thread: nameThread(profile, thread) },
  }));
  return await encodePprof({
    sampleTypes: sampleTypes(profile.kind, sampled),
    samples,
    ...sampled && { periodType: { type: "cpu", unit: "nanoseconds" }, period: periodNs },
    timeNanos: profile.startUnixMs * 1_000_000n,
    durationNanos: BigInt(options.durationSeconds) * second,
  });
}

function sampleTypes(kind: ProfileKind, sampled: boolean): PprofValueType[] {
  if (sampled) return [{ type: "samples", unit: "count" }, { type: "cpu", unit: "nanoseconds" }];
  return kind === ProfileKind.OFF_CPU
    ? [{ type: "off_cpu", unit: "nanoseconds" }]
    : [{ type: "samples", unit: "count" }];
}

function nameThread(profile: Profile, index: number): string {
  const thread = profile.threads[index];
  return thread === undefined ? "" : `${thread.name} (${thread.tid})`;
}
