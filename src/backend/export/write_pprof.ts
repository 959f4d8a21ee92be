import { encodePprof, type PprofFrame, type PprofValueType } from "../../../lib/pprof/encode.ts";
import { type Profile, WaitState } from "../../gen/stakeout/v1/profile_pb.ts";
import { ProfileKind } from "../../gen/stakeout/v1/task_pb.ts";
import { nameFrame, readReason, type ReadSample, readSamples } from "./profile_stacks.ts";

const second = 1_000_000_000n;
const lost: PprofFrame = { function: "[lost]", file: "", address: 0n };

/** What the export needs to know beyond the profile. */
export interface PprofOptions {
  /** Samples a second; 0 when the profile does not sample. */
  readonly frequencyHz: number;
  /** Length of the range. */
  readonly durationSeconds: number;
}

/**
 * Gzipped pprof with the thread as a label: samples and CPU time; off-CPU the time blocked, waits, and time on the run queue,
 * with the state and, where it is known, the reason as labels too.
 */
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
  const offCpu = profile.kind === ProfileKind.OFF_CPU;
  const samples = Array.from(readSamples(profile), (sample) => ({
    frames: sample.frames.map((index) => frames[index] ?? lost),
    values: offCpu
      ? [sample.weight, sample.waits, sample.runQueueNs]
      : sampled
      ? [sample.weight, sample.weight * BigInt(periodNs)]
      : [sample.weight],
    labels: {
      thread: nameThread(profile, sample.thread),
      ...offCpu && labelWait(sample, profile),
    },
  }));
  return await encodePprof({
    sampleTypes: sampleTypes(profile.kind, sampled),
    ...offCpu && { defaultSampleType: "off_cpu" },
    samples,
    ...sampled && { periodType: { type: "cpu", unit: "nanoseconds" }, period: periodNs },
    timeNanos: profile.startUnixMs * 1_000_000n,
    durationNanos: BigInt(options.durationSeconds) * second,
  });
}

function sampleTypes(kind: ProfileKind, sampled: boolean): PprofValueType[] {
  if (sampled) return [{ type: "samples", unit: "count" }, { type: "cpu", unit: "nanoseconds" }];
  return kind === ProfileKind.OFF_CPU
    ? [
      { type: "off_cpu", unit: "nanoseconds" },
      { type: "events", unit: "count" },
      { type: "run_queue", unit: "nanoseconds" },
    ]
    : [{ type: "samples", unit: "count" }];
}

const states: Readonly<Record<WaitState, string>> = {
  [WaitState.UNSPECIFIED]: "unknown",
  [WaitState.PREEMPTED]: "preempted",
  [WaitState.SLEEPING]: "sleeping",
  [WaitState.UNINTERRUPTIBLE]: "uninterruptible",
  [WaitState.STOPPED]: "stopped",
  [WaitState.OTHER]: "other",
};

function labelWait(sample: ReadSample, profile: Profile): Record<string, string> {
  const reason = readReason(sample, profile);
  return { state: states[sample.state] ?? "unknown", ...reason !== "" && { reason } };
}

function nameThread(profile: Profile, index: number): string {
  const thread = profile.threads[index];
  return thread === undefined ? "" : `${thread.name} (${thread.tid})`;
}
