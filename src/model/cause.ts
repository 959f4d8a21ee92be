import type { MetricName } from "./metric.ts";

/** What an HTTP rule's value of one second was made of. */
export interface HttpCounts {
  /** Requests that ended in that second, as estimated from a sample where only one was looked at. */
  readonly requests: number;
  /** Those of them with status 4xx or 5xx; of an error rate that takes only 5xx for errors, those. */
  readonly errors: number;
  /** Requests in flight for longer than the rule's threshold at the end of that second; 0 unless the rule judges them. */
  readonly pending: number;
}

/** One second of a window. */
export interface Slot {
  /**
   * `empty`: nothing was observed, which is not zero. `partial`: a mean over several seconds, or a second with known
   * loss; it counts like a `value`.
   */
  readonly state: "empty" | "value" | "partial";
  /** In the metric's unit; 0 when empty. */
  readonly value: number;
  /** Of an HTTP metric only. */
  readonly counts?: HttpCounts;
}

/** Why a rule tripped: the rule and every slot it looked at. */
export interface Cause {
  /** Index into the policy's rules. */
  readonly rule: number;
  readonly metric: MetricName;
  /** The path, prefix or regular expression the window belongs to; `""` for all requests or no HTTP metric. */
  readonly uri: string;
  /** What else tells an HTTP rule's series from another's with the same URI: see `seriesVariant`; `""` for other metrics. */
  readonly variant: string;
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
  /** For people: what the values leave out, such as how many requests were looked at; `""` when nothing. */
  readonly note: string;
}
