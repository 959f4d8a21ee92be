import { Document, isMap, isSeq } from "yaml";
import { formatDuration } from "./duration.ts";
import { type Policy, policyDefaults, type Rule, ruleDefaults } from "./policy.ts";
import { formatThreshold } from "./threshold.ts";

/** What a form asks for; what it leaves out keeps its default. */
export type PolicyForm =
  & Pick<Policy, "name" | "target" | "start">
  & Partial<Omit<Policy, "rules">>
  & { readonly rules: readonly RuleForm[] };

/** One rule of a form. */
export type RuleForm = Pick<Rule, "metric" | "threshold"> & Partial<Rule>;

/**
 * YAML text of a policy; `parsePolicies` reads back the same policy. Fields at their defaults are left out, but for
 * period, count, duration and silence, which readers look for.
 */
export function writePolicy(form: PolicyForm): string {
  const policy = { ...policyDefaults, ...form };
  const { labels, ...globs } = policy.target;
  const document = new Document({
    apiVersion: "stakeout/v1",
    kind: "Policy",
    metadata: {
      name: policy.name,
      ...(policy.description === policyDefaults.description ? {} : { description: policy.description }),
      ...(policy.paused === policyDefaults.paused ? {} : { paused: policy.paused }),
    },
    target: { ...globs, ...(Object.keys(labels).length === 0 ? {} : { labels }) },
    rules: policy.rules.map(writeRule),
    start: policy.start,
    duration: formatDuration(policy.durationSeconds * 1000),
    silence: formatDuration(policy.silenceSeconds * 1000),
    ...(policy.onCpu.frequencyHz === policyDefaults.onCpu.frequencyHz
      ? {}
      : { on_cpu: { frequency: policy.onCpu.frequencyHz } }),
    ...(policy.offCpu.minimumNs === policyDefaults.offCpu.minimumNs
      ? {}
      : { off_cpu: { minimum: formatDuration(policy.offCpu.minimumNs / 1e6) } }),
    ...(policy.tls === policyDefaults.tls ? {} : { tls: policy.tls }),
  }, { aliasDuplicateObjects: false });
  for (const path of [["metadata"], ["target"], ["start"], ["on_cpu"], ["off_cpu"]]) {
    setFlow(document.getIn(path));
  }
  for (const index of policy.rules.keys()) setFlow(document.getIn(["rules", index, "uri"]));
  return document.toString({ lineWidth: 0 });
}

function writeRule(form: RuleForm): Record<string, unknown> {
  const rule = { ...ruleDefaults, ...form };
  return {
    metric: rule.metric,
    threshold: writeThreshold(rule),
    period: formatDuration(rule.periodSeconds * 1000),
    count: rule.count,
    ...(rule.uri === undefined ? {} : { uri: rule.uri }),
    ...(rule.errors === ruleDefaults.errors ? {} : { errors: rule.errors }),
    ...(rule.role === ruleDefaults.role ? {} : { role: rule.role }),
    ...(rule.includePending === ruleDefaults.includePending ? {} : { include_pending: rule.includePending }),
  };
}

/** A number where the threshold has no unit, so that YAML does not quote it. */
function writeThreshold(rule: RuleForm): string | number {
  const text = formatThreshold(rule.metric, rule.threshold);
  return text === String(rule.threshold) ? rule.threshold : text;
}

function setFlow(node: unknown): void {
  if (isMap(node) || isSeq(node)) node.flow = true;
}
