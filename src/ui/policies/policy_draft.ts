import { formatDuration, parseDuration } from "../../model/duration.ts";
import { Fault } from "../../model/fault.ts";
import { type MetricName, metrics } from "../../model/metric.ts";
import {
  type Policy,
  policyDefaults,
  type ProfileKind,
  profileKinds,
  type Rule,
  ruleDefaults,
  type UriFilter,
} from "../../model/policy.ts";
import { formatThreshold, parseThreshold } from "../../model/threshold.ts";
import { writePolicy } from "../../model/write_policy.ts";

/** One rule as it stands in the form: text, right or wrong. */
export interface RuleDraft {
  readonly metric: MetricName;
  readonly threshold: string;
  readonly period: string;
  readonly count: string;
  readonly uriKind: "" | "paths" | "prefixes" | "regex";
  /** Paths and prefixes apart by blanks. */
  readonly uri: string;
  readonly errors: Rule["errors"];
  readonly role: Rule["role"];
  readonly includePending: boolean;
}

/** A policy as it stands in the form. */
export interface PolicyDraft {
  readonly name: string;
  readonly description: string;
  readonly paused: boolean;
  readonly service: string;
  readonly instance: string;
  readonly exe: string;
  readonly cgroup: string;
  readonly host: string;
  /** `name=glob`, apart by blanks. */
  readonly labels: string;
  readonly rules: readonly RuleDraft[];
  readonly start: readonly ProfileKind[];
  readonly duration: string;
  readonly silence: string;
  readonly frequency: string;
  readonly offCpuMinimum: string;
  readonly tls: boolean;
}

/** Fields of a target that the form offers. */
export const targetFields = ["service", "exe", "instance", "cgroup", "host"] as const;

/** What the form shows for a policy. */
export function draftOf(policy: Policy): PolicyDraft {
  const { target } = policy;
  return {
    name: policy.name,
    description: policy.description,
    paused: policy.paused,
    service: target.service ?? "",
    instance: target.instance ?? "",
    exe: target.exe ?? "",
    cgroup: target.cgroup ?? "",
    host: target.host ?? "",
    labels: Object.entries(target.labels).map(([name, glob]) => `${name}=${glob}`).join(" "),
    rules: policy.rules.map(ruleDraftOf),
    start: policy.start,
    duration: formatDuration(policy.durationSeconds * 1000),
    silence: formatDuration(policy.silenceSeconds * 1000),
    frequency: String(policy.onCpu.frequencyHz),
    offCpuMinimum: formatDuration(policy.offCpu.minimumNs / 1e6),
    tls: policy.tls,
  };
}

function ruleDraftOf(rule: Rule): RuleDraft {
  const [uriKind, uri] = rule.uri === undefined
    ? ["" as const, ""]
    : "paths" in rule.uri
    ? ["paths" as const, rule.uri.paths.join(" ")]
    : "prefixes" in rule.uri
    ? ["prefixes" as const, rule.uri.prefixes.join(" ")]
    : ["regex" as const, rule.uri.regex];
  return {
    metric: rule.metric,
    threshold: formatThreshold(rule.metric, rule.threshold),
    period: formatDuration(rule.periodSeconds * 1000),
    count: String(rule.count),
    uriKind,
    uri,
    errors: rule.errors,
    role: rule.role,
    includePending: rule.includePending,
  };
}

/** A rule to start from: what its metric usually misbehaves at. */
export function newRule(metric: MetricName): RuleDraft {
  const threshold = {
    process_cpu: "80%",
    process_thread_count: "500",
    system_load: "8",
    http_request_rate: "1000",
    http_error_rate: "5%",
    http_avg_response_time: "500ms",
    http_p50_response_time: "300ms",
    http_p95_response_time: "1s",
    http_p99_response_time: "2s",
  }[metric];
  const none = { uriKind: "", uri: "", includePending: false } as const;
  return {
    metric,
    threshold,
    period: "10s",
    count: "5",
    errors: ruleDefaults.errors,
    role: ruleDefaults.role,
    ...none,
  };
}

const problems: Readonly<Record<MetricName, string>> = {
  process_cpu: "high-cpu",
  process_thread_count: "threads",
  system_load: "load",
  http_request_rate: "requests",
  http_error_rate: "errors",
  http_avg_response_time: "latency",
  http_p50_response_time: "latency",
  http_p95_response_time: "latency",
  http_p99_response_time: "latency",
};

/** A policy to start from. */
export function newDraft(
  target: Partial<Pick<PolicyDraft, "service" | "exe">>,
  rule: RuleDraft = newRule("process_cpu"),
): PolicyDraft {
  const service = target.service ?? "";
  const slug = service.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 50).replace(
    /-$/,
    "",
  );
  const problem = problems[rule.metric];
  return {
    name: slug === "" ? problem : `${slug}-${problem}`,
    description: "",
    paused: false,
    service,
    instance: "",
    exe: target.exe ?? "",
    cgroup: "",
    host: "",
    labels: "",
    rules: [rule],
    start: ["on_cpu"],
    duration: "1m",
    silence: formatDuration(policyDefaults.silenceSeconds * 1000),
    frequency: String(policyDefaults.onCpu.frequencyHz),
    offCpuMinimum: formatDuration(policyDefaults.offCpu.minimumNs / 1e6),
    tls: policyDefaults.tls,
  };
}

/** The form as YAML, or what keeps it from being written, by path of the field. */
export function writeDraft(draft: PolicyDraft): { text: string } | { faults: ReadonlyMap<string, string> } {
  const faults = new Map<string, string>();
  const readMs = (path: string, text: string): number => {
    const value = parseDuration(/^\d+$/.test(text.trim()) ? `${text.trim()}s` : text.trim());
    if (value === undefined) faults.set(path, "Write a time such as 30s, 5m or 1h");
    return value ?? 0;
  };
  const readWhole = (path: string, text: string): number => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isInteger(value)) faults.set(path, "Write a whole number");
    return value;
  };
  const rules = draft.rules.map((rule, index) => {
    const path = `rules[${index}]`;
    const threshold = parseThreshold(rule.metric, withUnit(rule.metric, rule.threshold));
    if (threshold instanceof Fault) faults.set(`${path}.threshold`, sentence(threshold.fix));
    const uri = readUri(rule);
    return {
      metric: rule.metric,
      threshold: threshold instanceof Fault ? 1 : threshold,
      periodSeconds: readMs(`${path}.period`, rule.period) / 1000,
      count: readWhole(`${path}.count`, rule.count),
      ...(metrics[rule.metric].http
        ? { errors: rule.errors, role: rule.role, includePending: rule.includePending, ...uri }
        : {}),
    };
  });
  const labels = readLabels(draft.labels, faults);
  const target = Object.fromEntries(
    targetFields.map((name) => [name, draft[name].trim()] as const).filter(([, glob]) => glob !== ""),
  );
  const form = {
    name: draft.name.trim(),
    description: draft.description,
    paused: draft.paused,
    target: { ...target, labels },
    rules,
    start: profileKinds.filter((kind) => draft.start.includes(kind)),
    durationSeconds: readMs("duration", draft.duration) / 1000,
    silenceSeconds: readMs("silence", draft.silence) / 1000,
    onCpu: { frequencyHz: readWhole("on_cpu.frequency", draft.frequency) },
    offCpu: { minimumNs: readMs("off_cpu.minimum", draft.offCpuMinimum) * 1e6 },
    tls: draft.tls,
  };
  return faults.size > 0 ? { faults } : { text: writePolicy(form) };
}

/** A bare number gets the unit its metric is mostly given in. */
function withUnit(metric: MetricName, text: string): string {
  const bare = text.trim();
  if (!/^[\d.]+$/.test(bare)) return bare;
  return bare + { percent: "%", count: "", milliseconds: "ms" }[metrics[metric].unit];
}

function readUri({ uriKind, uri }: RuleDraft): { uri?: UriFilter } {
  const words = uri.split(/\s+/).filter((word) => word !== "");
  switch (uriKind) {
    case "":
      return {};
    case "regex":
      return { uri: { regex: uri.trim() } };
    case "paths":
      return { uri: { paths: words } };
    case "prefixes":
      return { uri: { prefixes: words } };
  }
}

function readLabels(text: string, faults: Map<string, string>): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const word of text.split(/\s+/)) {
    if (word === "") continue;
    const at = word.indexOf("=");
    if (at <= 0) faults.set("target.labels", "Write name=glob, apart by blanks");
    else labels[word.slice(0, at)] = word.slice(at + 1);
  }
  return labels;
}

function sentence(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
