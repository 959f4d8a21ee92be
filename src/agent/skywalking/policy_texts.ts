import { createHash } from "node:crypto";
import type { SkyWalkingConfig } from "../../model/config.ts";
import { metrics } from "../../model/metric.ts";
import { type ProfileKind, profileKinds, ruleDefaults } from "../../model/policy.ts";
import { parsePolicies } from "../../model/policy_file.ts";
import type { Target } from "../../model/target.ts";
import { type PolicyForm, type RuleForm, writePolicy } from "../../model/write_policy.ts";
import type { PolicyText } from "../policy_sync.ts";
import { readPolicyText } from "../policy_text.ts";
import { oapMonitors, oapTargets } from "../../model/skywalking.ts";
import type { OapItem, OapPolicy } from "./policy_json.ts";

/** A part of an OAP's policy that is not judged here, and why. */
export interface ItemRefusal {
  /** As in the OAP: ON_CPU. */
  readonly target: string;
  /** As in the OAP: PROCESS_CPU; `""` for the whole target. */
  readonly monitor: string;
  readonly reason: string;
}

type TextSettings = Pick<SkyWalkingConfig, "durationSeconds" | "silenceSeconds" | "tls">;

/** A policy in our words. */
export interface PolicyTexts {
  readonly texts: readonly PolicyText[];
  readonly refusals: readonly ItemRefusal[];
}

/** So that the name ends below its 63 characters with all kinds in it. */
const longestSlug = 30;

/**
 * Puts an OAP's policy for a service into ours. Targets with the same conditions become one policy, whose task takes
 * several kinds at once; any other target is a policy of its own, as each has its own silence.
 *
 * What cannot be judged is left out and told, item by item: SkyWalking's agent would drop it in silence.
 */
export function toPolicyTexts(policy: OapPolicy, target: Target, settings: TextSettings): PolicyTexts {
  try {
    const whole = write(policy, target, settings, (rule) => rule);
    if (whole.texts.every((text) => readPolicyText(text).problems.length === 0)) return whole;
  } catch {
    // Some values cannot even be written.
  }
  // To write and read a text is dear, so each item is tried by itself only where the whole is not accepted.
  return write(policy, target, settings, (rule) => reasonAgainst(rule, target) ?? rule);
}

function write(
  policy: OapPolicy,
  target: Target,
  settings: TextSettings,
  check: (rule: RuleForm) => RuleForm | string,
): PolicyTexts {
  const refusals: ItemRefusal[] = [];
  const groups = new Map<string, { kinds: ProfileKind[]; rules: RuleForm[] }>();
  for (const { type, items } of policy.targets) {
    const kind = oapTargets.get(type);
    if (kind === undefined) {
      refusals.push({ target: type, monitor: "", reason: "this version knows no such target" });
      continue;
    }
    const rules = items.flatMap((item) => {
      const made = toRule(item);
      const rule = typeof made === "string" ? made : check(made);
      if (typeof rule !== "string") return [rule];
      refusals.push({ target: type, monitor: item.monitor, reason: rule });
      return [];
    });
    if (rules.length === 0) continue;
    const key = JSON.stringify(rules);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { kinds: [kind], rules });
    else group.kinds.push(kind);
  }
  const texts = [...groups.values()].map(({ kinds, rules }) => {
    const start = profileKinds.filter((kind) => kinds.includes(kind));
    const name = policyName(policy.service, start);
    const description = `Policy of the OAP for ${policy.service}`;
    const { durationSeconds, silenceSeconds } = settings;
    const tls = settings.tls && rules.some(({ metric }) => metrics[metric].http);
    const form = { name, description, target, rules, start, durationSeconds, silenceSeconds, tls };
    return { name, source: writePolicy(form), version: 1 };
  });
  return { texts, refusals };
}

/** A rule as far as it can be told without our own parser, or why there is none. */
function toRule(item: OapItem): RuleForm | string {
  const monitor = oapMonitors.find(({ name }) => name === item.monitor);
  if (monitor === undefined) return "this version knows no such monitor";
  const threshold = Number(item.threshold);
  if (item.threshold.trim() === "" || !(threshold > 0 && threshold < Infinity)) {
    return `its threshold ${JSON.stringify(item.threshold)} is no number above 0`;
  }
  if (monitor.isWhole && !Number.isInteger(threshold)) {
    return `its threshold ${item.threshold} is no whole number`;
  }
  return {
    metric: monitor.metric,
    threshold,
    periodSeconds: item.period,
    count: item.count,
    errors: monitor.metric === "http_error_rate" ? "5xx" : ruleDefaults.errors,
    ...(metrics[monitor.metric].http ? uriOf(item) : {}),
  };
}

/** Why our own parser does not accept a rule. */
function reasonAgainst(rule: RuleForm, target: Target): string | undefined {
  const form: PolicyForm = { name: "one", target, rules: [rule], start: ["on_cpu"] };
  try {
    const [problem] = parsePolicies(writePolicy(form)).problems;
    if (problem === undefined) return undefined;
    return `${problem.message.replace(/^rules\[0\]\./, "")}; ${problem.fix}`;
  } catch (error) {
    return (error as Error).message;
  }
}

/** A list hides an expression, as in SkyWalking's agent. */
function uriOf({ uriList, uriRegex }: OapItem): Pick<RuleForm, "uri"> {
  if (uriList.length > 0) return { uri: { paths: uriList } };
  return uriRegex === "" ? {} : { uri: { regex: uriRegex } };
}

/** Tells services apart whose names differ only in what a policy's name cannot hold. */
function policyName(service: string, kinds: readonly ProfileKind[]): string {
  const slug = service.toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, longestSlug);
  const hash = createHash("sha256").update(service).digest("hex").slice(0, 6);
  return `${slug}-${hash}-${kinds.join("-").replaceAll("_", "-")}`;
}
