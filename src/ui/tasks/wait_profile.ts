import { create } from "@bufbuild/protobuf";
import { FrameKind, type Profile, ProfileSchema, WaitState } from "../../gen/stakeout/v1/profile_pb.ts";
import { type WaitReason, waitReason } from "../../model/wait_reason.ts";

/** What of its waits an off-CPU profile is drawn by. */
export type WaitMeasure = "time" | "waits" | "run_queue";

/** Shown for waits of which the kernel's functions tell no reason. */
export const otherReason = "other";

/** One reason with its weight by the measure. */
export interface ReasonWeight {
  readonly reason: string;
  readonly weight: number;
}

/** An off-CPU profile by one measure: a plain profile of weights, as every view of stacks takes it. */
export interface WaitView {
  readonly profile: Profile;
  /** Of all samples, whatever reason is chosen; heaviest first. */
  readonly reasons: readonly ReasonWeight[];
}

/**
 * Draws an off-CPU profile by one measure, of one reason or of all (`""`). Each stack gets its reason as its leaf. The weights
 * of the seconds are of all reasons.
 */
export function viewWaits(profile: Profile, measure: WaitMeasure, chosen: string): WaitView {
  const weights = columnOf(profile, measure);
  const labels = new LabeledStacks(profile);
  const sums = new Map<string, number>();
  const samples = { stacks: [] as number[], threads: [] as number[], weights: [] as bigint[] };
  for (const [index, stack] of profile.sampleStacks.entries()) {
    const weight = weights[index] ?? 0n;
    if (weight === 0n) continue;
    const reason = labels.reasonOf(stack, profile.sampleStates[index] ?? WaitState.UNSPECIFIED);
    sums.set(reason, (sums.get(reason) ?? 0) + Number(weight));
    if (chosen !== "" && reason !== chosen) continue;
    samples.stacks.push(labels.label(stack, reason));
    samples.threads.push(profile.sampleThreads[index] ?? 0);
    samples.weights.push(weight);
  }
  const seconds = { time: "secondWeights", waits: "secondWaits", run_queue: "secondRunQueueNs" } as const;
  const { $typeName: _, $unknown: _unknown, ...same } = profile;
  return {
    profile: create(ProfileSchema, {
      ...same,
      ...labels.tables(),
      ...{ sampleStacks: samples.stacks, sampleThreads: samples.threads, sampleWeights: samples.weights },
      secondWeights: profile[seconds[measure]],
    }),
    reasons: [...sums].map(([reason, weight]) => ({ reason, weight }))
      .sort((one, two) => two.weight - one.weight || one.reason.localeCompare(two.reason)),
  };
}

/** Why a thread with this stack is off its CPU, in words. */
export function reasonWords(profile: Profile, stack: number, state: WaitState): string {
  const frames = profile.stacks[stack]?.frames ?? [];
  const kernel = frames.flatMap((index) => {
    const frame = profile.frames[index];
    return frame?.kind === FrameKind.KERNEL ? [profile.strings[frame.function] ?? ""] : [];
  });
  return waitReason(kernel, state === WaitState.PREEMPTED) || otherReason;
}

function columnOf(profile: Profile, measure: WaitMeasure): readonly bigint[] {
  if (measure === "time") return profile.sampleWeights;
  return measure === "waits" ? profile.sampleWaits : profile.sampleRunQueueNs;
}

/** The tables of a profile with a frame more for each reason, and a stack more for each stack and reason. */
class LabeledStacks {
  readonly #profile: Profile;
  readonly #strings: string[];
  readonly #frames: Profile["frames"];
  readonly #stacks: { frames: number[] }[] = [];
  readonly #frameOf = new Map<string, number>();
  readonly #stackOf = new Map<string, number>();
  readonly #reasonOf = new Map<string, WaitReason | string>();

  constructor(profile: Profile) {
    this.#profile = profile;
    this.#strings = [...profile.strings];
    this.#frames = [...profile.frames];
  }

  reasonOf(stack: number, state: WaitState): string {
    const key = `${stack} ${state === WaitState.PREEMPTED}`;
    let reason = this.#reasonOf.get(key);
    if (reason === undefined) this.#reasonOf.set(key, reason = reasonWords(this.#profile, stack, state));
    return reason;
  }

  label(stack: number, reason: string): number {
    const key = `${stack} ${reason}`;
    const known = this.#stackOf.get(key);
    if (known !== undefined) return known;
    const frames = this.#profile.stacks[stack]?.frames ?? [];
    const labeled = reason === otherReason ? frames : [this.#frame(reason), ...frames];
    this.#stackOf.set(key, this.#stacks.length);
    this.#stacks.push({ frames: [...labeled] });
    return this.#stacks.length - 1;
  }

  tables(): Pick<Profile, "strings" | "frames"> & { stacks: { frames: number[] }[] } {
    return { strings: this.#strings, frames: this.#frames, stacks: this.#stacks };
  }

  #frame(reason: string): number {
    let frame = this.#frameOf.get(reason);
    if (frame !== undefined) return frame;
    const name = this.#strings.push(`[${reason}]`) - 1;
    const { frames } = create(ProfileSchema, { frames: [{ kind: FrameKind.KERNEL, function: name }] });
    frame = this.#frames.push(frames[0]!) - 1;
    this.#frameOf.set(reason, frame);
    return frame;
  }
}
