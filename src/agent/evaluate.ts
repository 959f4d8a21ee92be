import type { Cause } from "../model/cause.ts";
import type { Rule } from "../model/policy.ts";
import { seriesVariant } from "../model/series.ts";
import type { Window } from "./window.ts";

/**
 * Judges one rule on one window at the end of the complete second `atSecond` (of CLOCK_BOOTTIME). It trips when at least
 * `rule.count` of the rule's own last `rule.periodSeconds` slots are at or over its threshold; they need not be
 * consecutive, and the window need not be full. Pure: the same slots give the same cause. Allocates only when it trips.
 */
export function evaluateRule(
  rule: Rule,
  ruleIndex: number,
  uri: string,
  window: Window,
  atSecond: number,
): Cause | undefined {
  const reached = window.countAtLeast(rule.threshold, atSecond, rule.periodSeconds);
  if (reached < rule.count) return undefined;
  return {
    rule: ruleIndex,
    metric: rule.metric,
    uri,
    variant: seriesVariant(rule),
    threshold: rule.threshold,
    periodSeconds: rule.periodSeconds,
    count: rule.count,
    reached,
    slots: window.slots(atSecond, rule.periodSeconds),
    atBootSeconds: atSecond + 1,
    note: "",
  };
}
