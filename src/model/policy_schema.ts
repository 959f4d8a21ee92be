import { RE2JS } from "re2js";
import * as z from "zod";
import { formatDuration, parseDuration } from "./duration.ts";
import { Fault, quoteValue, showText } from "./fault.ts";
import { isMetricName, type MetricName, metrics } from "./metric.ts";
import {
  type Policy,
  policyDefaults,
  profileKinds,
  type Rule,
  ruleDefaults,
  type UriFilter,
} from "./policy.ts";
import type { Target } from "./target.ts";
import { parseThreshold } from "./threshold.ts";

const SECOND = 1000;
const HOUR = 3600 * SECOND;

/**
 * A schema for one field that `parse` reads. A field left out becomes `otherwise`, or is a fault when there is none.
 * Every issue it makes is `custom`, with the words after the field's name as message and `params.fix`.
 */
function field<T>(parse: (value: unknown) => T | Fault, otherwise?: { value: T }) {
  return z.unknown().optional().transform((value, context): T => {
    if (value === undefined && otherwise !== undefined) return otherwise.value;
    const result = parse(value);
    if (!(result instanceof Fault)) return result;
    report(context, [], result);
    return z.NEVER;
  });
}

function report(context: z.RefinementCtx, path: PropertyKey[], fault: Fault): void {
  context.addIssue({ code: "custom", path, message: fault.what, params: { fix: fault.fix } });
}

/** Fault of a value that is not what `wanted` says. */
function unlike(value: unknown, wanted: string, fix: string): Fault {
  if (value === undefined) return new Fault("is missing", fix);
  return new Fault(value === null ? "is empty" : `is ${quoteValue(value)}, not ${wanted}`, fix);
}

function parseText(value: unknown): string | Fault {
  if (typeof value === "number" || typeof value === "boolean") {
    return new Fault(`is ${value}, not text`, `put it in quotes: "${value}"`);
  }
  if (typeof value !== "string") return unlike(value, "text", "write text");
  return value === "" ? new Fault("is empty", "write text or remove the field") : value;
}

function parseBoolean(value: unknown): boolean | Fault {
  return typeof value === "boolean" ? value : unlike(value, "a boolean", "write true or false");
}

function parseName(value: unknown): string | Fault {
  const fix = "write 1 to 63 of a-z, 0-9 and -";
  if (typeof value !== "string") return unlike(value, "text", fix);
  if (value.length > 63) return new Fault(`has ${value.length} characters`, fix);
  return /^[a-z0-9-]+$/.test(value) ? value : new Fault(`is ${quoteValue(value)}`, fix);
}

function parseDescription(value: unknown): string | Fault {
  if (value === "") return "";
  const text = parseText(value);
  if (text instanceof Fault || text.length <= 1000) return text;
  return new Fault(`has ${text.length} characters`, "write at most 1,000");
}

function literal(wanted: string): (value: unknown) => string | Fault {
  return (value) => value === wanted ? wanted : unlike(value, wanted, `write ${wanted}`);
}

function oneOf<T extends string>(choices: readonly T[]): (value: unknown) => T | Fault {
  return (value) =>
    choices.find((choice) => choice === value) ?? unlike(value, "known", `write ${eitherOf(choices)}`);
}

function eitherOf(choices: readonly string[]): string {
  return choices.length === 1 ? `${choices[0]}` : `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`;
}

function integer(minimum: number, maximum: number): (value: unknown) => number | Fault {
  const fix = `write a whole number from ${minimum} to ${maximum.toLocaleString("en")}, without a unit`;
  return (value) => {
    if (typeof value !== "number") return unlike(value, "a whole number", fix);
    return Number.isInteger(value) && value >= minimum && value <= maximum
      ? value
      : new Fault(`is ${value}`, fix);
  };
}

/** Reads a time in milliseconds within a range; `wholeSeconds` refuses parts of one. */
function time(minimumMs: number, maximumMs: number, wholeSeconds = true): (value: unknown) => number | Fault {
  const range = `write a time from ${formatDuration(minimumMs)} to ${formatDuration(maximumMs)}`;
  const fix = wholeSeconds ? `${range} in whole seconds` : range;
  return (value) => {
    if (typeof value === "number") return new Fault("needs a unit", `write ${value}s`);
    if (typeof value !== "string") return unlike(value, "a time", fix);
    const milliseconds = parseDuration(value);
    if (milliseconds === undefined) {
      return new Fault(`is ${quoteValue(value)}, not a time such as 30s, 5m or 1h`, fix);
    }
    const inRange = milliseconds >= minimumMs && milliseconds <= maximumMs;
    if (!inRange || (wholeSeconds && milliseconds % SECOND !== 0)) return new Fault(`is ${value}`, fix);
    return milliseconds;
  };
}

function parseRegex(value: unknown): string | Fault {
  const text = parseText(value);
  if (text instanceof Fault) return text;
  if (text.length > 256) return new Fault(`has ${text.length} characters`, "write at most 256");
  try {
    RE2JS.compile(text);
    return text;
  } catch (error) {
    const reason = error instanceof Error
      ? error.message.replace(/^error parsing regexp: /, "")
      : String(error);
    return new Fault(`is not a regular expression: ${showText(reason)}`, "write one in RE2's dialect");
  }
}

function parseUriList(value: unknown): readonly string[] | Fault {
  if (!Array.isArray(value)) return unlike(value, "a list", "write a list such as [/api/pay]");
  if (value.length < 1 || value.length > 32) return new Fault(`has ${value.length} entries`, "write 1 to 32");
  const wrong = value.find((uri) => typeof uri !== "string" || !uri.startsWith("/"));
  if (wrong !== undefined) return new Fault(`holds ${quoteValue(wrong)}`, "start every entry with /");
  if (new Set(value).size !== value.length) return new Fault("holds an entry twice", "remove one of them");
  return value;
}

function parseLabels(value: unknown): Readonly<Record<string, string>> | Fault {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return unlike(value, "a map", "write a map such as { app: shop }");
  }
  for (const [label, glob] of Object.entries(value)) {
    if (!/^[A-Za-z0-9][A-Za-z0-9._/-]{0,316}$/.test(label)) {
      return new Fault(
        `holds the label ${quoteValue(label)}`,
        "start it with a letter or digit; then also . _ / -",
      );
    }
    const text = parseText(glob);
    if (text instanceof Fault) return new Fault(`holds ${label}, which ${text.what}`, text.fix);
  }
  return value as Record<string, string>;
}

function parseKinds(value: unknown): Policy["start"] | Fault {
  const fix = `write a list of ${eitherOf(profileKinds)}, such as [on_cpu]`;
  if (!Array.isArray(value)) return unlike(value, "a list", fix);
  if (value.length === 0) return new Fault("is empty", fix);
  const wrong = value.find((kind) => !profileKinds.includes(kind));
  if (wrong !== undefined) return new Fault(`holds ${quoteValue(wrong)}`, fix);
  if (new Set(value).size !== value.length) return new Fault("holds a kind twice", "remove one of them");
  return value;
}

const parsePeriod = time(SECOND, HOUR);
const parseCount = integer(1, 3600);
const textGlob = field<string | undefined>(parseText, { value: undefined });

const uriFields = z.strictObject({
  paths: field<readonly string[] | undefined>(parseUriList, { value: undefined }),
  prefixes: field<readonly string[] | undefined>(parseUriList, { value: undefined }),
  regex: field<string | undefined>(parseRegex, { value: undefined }),
});

const uriSchema = uriFields.transform(({ paths, prefixes, regex }, context): UriFilter => {
  if (context.issues.length > 0) return z.NEVER;
  const given = [paths, prefixes, regex].filter((kind) => kind !== undefined).length;
  if (given !== 1) {
    const what = given === 0 ? "names no URI" : `has ${given} kinds of URI`;
    report(context, [], new Fault(what, "write exactly one of paths, prefixes or regex"));
  }
  if (paths !== undefined) return { paths };
  return prefixes !== undefined ? { prefixes } : { regex: regex ?? "" };
});

const ruleFields = z.strictObject({
  metric: field(oneOf(Object.values(metrics).map((metric) => metric.name))),
  threshold: z.unknown().optional(),
  period: field(parsePeriod, { value: ruleDefaults.periodSeconds * SECOND }),
  count: field(parseCount, { value: ruleDefaults.count }),
  uri: uriSchema.optional(),
  errors: field<Rule["errors"]>(oneOf(["4xx_5xx", "5xx"]), { value: ruleDefaults.errors }),
  role: field<Rule["role"]>(oneOf(["server", "client"]), { value: ruleDefaults.role }),
  include_pending: field<boolean>(parseBoolean, { value: ruleDefaults.includePending }),
});

/** Whether requests in flight can be judged by a metric. */
function judgesPending(metric: MetricName): boolean {
  return metrics[metric].unit === "milliseconds";
}

/** Checks across fields run on the raw rule, so that one wrong field does not hide what is wrong with another. */
const ruleSchema = z.unknown().transform((raw, context): Rule => {
  const parsed = ruleFields.safeParse(raw);
  for (const issue of parsed.error?.issues ?? []) {
    context.issues.push({ ...issue, input: raw } as z.core.$ZodRawIssue);
  }
  const rule = (typeof raw === "object" && raw !== null ? raw : {}) as Record<string, unknown>;
  const metric = typeof rule.metric === "string" && isMetricName(rule.metric) ? rule.metric : undefined;
  const threshold = metric === undefined ? 0 : parseThreshold(metric, rule.threshold);
  if (threshold instanceof Fault) report(context, ["threshold"], threshold);
  const periodMs = rule.period === undefined ? ruleDefaults.periodSeconds * SECOND : parsePeriod(rule.period);
  const count = rule.count === undefined ? ruleDefaults.count : parseCount(rule.count);
  if (typeof periodMs === "number" && typeof count === "number" && count > periodMs / SECOND) {
    const what = `is ${count}${rule.count === undefined ? " when left out" : ""}, more than the ${
      periodMs / SECOND
    } seconds of the period`;
    report(context, ["count"], new Fault(what, `write ${periodMs / SECOND} or less, or a longer period`));
  }
  if (metric !== undefined && rule.uri !== undefined && !metrics[metric].http) {
    const http = Object.values(metrics).filter((one) => one.http).map((one) => one.name);
    report(context, ["uri"], new Fault(`does not go with ${metric}`, `remove it, or use ${eitherOf(http)}`));
  }
  if (metric !== undefined && rule.include_pending === true && !judgesPending(metric)) {
    const times = Object.values(metrics).map(({ name }) => name).filter(judgesPending);
    const fault = new Fault(`does not go with ${metric}`, `remove it, or use ${eitherOf(times)}`);
    report(context, ["include_pending"], fault);
  }
  if (!parsed.success || context.issues.length > 0 || typeof threshold !== "number") return z.NEVER;
  const { uri, errors, role } = parsed.data;
  return {
    metric: parsed.data.metric,
    threshold,
    periodSeconds: parsed.data.period / SECOND,
    count: parsed.data.count,
    ...(uri === undefined ? {} : { uri }),
    errors,
    role,
    includePending: parsed.data.include_pending,
  };
});

const targetFields = z.strictObject({
  service: textGlob,
  instance: textGlob,
  exe: textGlob,
  cgroup: textGlob,
  host: textGlob,
  labels: field<Readonly<Record<string, string>>>(parseLabels, { value: {} }),
});

const targetSchema = targetFields.transform((fields, context): Target => {
  const { labels, ...globs } = fields;
  if (context.issues.length > 0) return z.NEVER;
  const given = Object.entries(globs).filter((entry) => entry[1] !== undefined);
  if (given.length + Object.keys(labels).length === 0) {
    const fix = `write at least one of ${eitherOf(Object.keys(targetFields.shape))}`;
    report(context, [], new Fault("names nothing", fix));
  }
  return { ...Object.fromEntries(given), labels };
});

const metadataFields = z.strictObject({
  name: field(parseName),
  description: field<string>(parseDescription, { value: policyDefaults.description }),
  paused: field<boolean>(parseBoolean, { value: policyDefaults.paused }),
});

const onCpuFields = z.strictObject({
  frequency: field(integer(1, 999), { value: policyDefaults.onCpu.frequencyHz }),
});

const offCpuFields = z.strictObject({
  minimum: field(time(0, 10 * SECOND, false), { value: policyDefaults.offCpu.minimumNs / 1e6 }),
});

const policyFields = z.strictObject({
  apiVersion: field(literal("stakeout/v1")),
  kind: field(literal("Policy")),
  metadata: metadataFields,
  target: targetSchema,
  rules: z.array(ruleSchema).min(1).max(16),
  start: field(parseKinds),
  duration: field(time(SECOND, HOUR), { value: policyDefaults.durationSeconds * SECOND }),
  silence: field(time(0, 24 * HOUR), { value: policyDefaults.silenceSeconds * SECOND }),
  on_cpu: onCpuFields.optional(),
  off_cpu: offCpuFields.optional(),
  tls: field<boolean>(parseBoolean, { value: policyDefaults.tls }),
});

/** One policy document as YAML gives it → a policy with its defaults. Issues are told by `explainIssue`. */
export const policySchema = policyFields.transform((document): Policy => ({
  name: document.metadata.name,
  description: document.metadata.description,
  paused: document.metadata.paused,
  target: document.target,
  rules: document.rules,
  start: document.start,
  durationSeconds: document.duration / SECOND,
  silenceSeconds: document.silence / SECOND,
  onCpu: { frequencyHz: document.on_cpu?.frequency ?? policyDefaults.onCpu.frequencyHz },
  offCpu: {
    minimumNs: document.off_cpu === undefined
      ? policyDefaults.offCpu.minimumNs
      : Math.round(document.off_cpu.minimum * 1e6),
  },
  tls: document.tls,
}));

/** Fields that a map of the schema knows, by its path without indexes. */
export const knownFields: Readonly<Record<string, readonly string[]>> = {
  "": Object.keys(policyFields.shape),
  metadata: Object.keys(metadataFields.shape),
  target: Object.keys(targetFields.shape),
  "rules[]": Object.keys(ruleFields.shape),
  "rules[].uri": Object.keys(uriFields.shape),
  on_cpu: Object.keys(onCpuFields.shape),
  off_cpu: Object.keys(offCpuFields.shape),
};
