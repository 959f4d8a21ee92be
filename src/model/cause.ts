import type { MetricName } from "./metric.ts";

/** One second of a window. */
export interface Slot {
  /**
   * `empty`: nothing was observed, which is not zero. `partial`: a mean over several seconds, or a second with known
   * loss; it counts like a `value`.
   */
  readonly state: "empty" | "value" | "partial";
  /** In the metric's unit; 0 when empty. */
  readonly value: number;
}

/** Why a rule tripped: the rule and every slot it looked at. */
export interface Cause {
  /** Index into the policy's rules. */
  readonly rule: number;
  readonly metric: MetricName;
  /** The path, prefix or regular expression the window belongs to; `""` for all requests or no HTTP metric. */
  readonly uri: string;
  /** In the metric's unit. */
  readonly threshold: number;
  readonly periodSeconds: number;
  /** Slots at or over the threshold that the rule asks for. */
  readonly count: number;
  /** Slots at or over the threshold when it tripped, at least `count`. */
  readonly reached: number;
  /** The rule's own last `periodSeconds` slots, oldest first. */
  readonly slots: readonly Slot[];
  /** End of the last slot in seconds of CLOCK_BOOTTIME; the last slot is second `atBootSeconds - 1`. */
  readonly atBootSeconds: number;
}
