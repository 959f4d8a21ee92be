import type { MetricName } from "./metric.ts";
import type { Target } from "./target.ts";

/** A kind of profile that a policy may start. */
export type ProfileKind = "on_cpu" | "off_cpu" | "network";

/** Every kind, in the order in which they are shown. */
export const profileKinds: readonly ProfileKind[] = ["on_cpu", "off_cpu", "network"];

/** Which requests an HTTP rule looks at: one window a path, one a prefix, or one for the expression (RE2). */
export type UriFilter =
  | { readonly paths: readonly string[] }
  | { readonly prefixes: readonly string[] }
  | { readonly regex: string };

/** One condition; any one rule trips its policy. */
export interface Rule {
  readonly metric: MetricName;
  /** In the metric's unit: % of one core, %, count, or milliseconds. A slot counts when its value is at or over it. */
  readonly threshold: number;
  readonly periodSeconds: number;
  /** Slots of the last `periodSeconds` that must count; they need not be consecutive. */
  readonly count: number;
  /** Absent: all requests, or no HTTP metric. */
  readonly uri?: UriFilter;
  /** Which statuses are errors; only `http_error_rate` is judged by it. */
  readonly errors: "4xx_5xx" | "5xx";
  /** Which side of a request the process must be; only HTTP metrics read it. */
  readonly role: "server" | "client";
  /** Judge requests in flight for longer than the threshold too; only the response times read it. */
  readonly includePending: boolean;
}

/** A policy with every default filled in: what to watch, when it trips, what to start. */
export interface Policy {
  readonly name: string;
  /** `""` when none was given. */
  readonly description: string;
  readonly paused: boolean;
  readonly target: Target;
  readonly rules: readonly Rule[];
  readonly start: readonly ProfileKind[];
  readonly durationSeconds: number;
  readonly silenceSeconds: number;
  readonly onCpu: { readonly frequencyHz: number };
  readonly offCpu: { readonly minimumNs: number };
  /** Whether TLS probes are allowed; they cost the target time. */
  readonly tls: boolean;
}

/**
 * Keys of the windows a rule reads: one a path, one a prefix, one for a regular expression, or `""` for a rule
 * without URIs. They are the `uri` of causes and metric series.
 */
export function ruleUris(rule: Rule): readonly string[] {
  if (rule.uri === undefined) return allRequests;
  if ("paths" in rule.uri) return rule.uri.paths;
  return "prefixes" in rule.uri ? rule.uri.prefixes : [rule.uri.regex];
}

const allRequests: readonly string[] = [""];

/** What a rule that leaves these fields out means. */
export const ruleDefaults = {
  periodSeconds: 60,
  count: 3,
  errors: "4xx_5xx",
  role: "server",
  includePending: false,
} as const satisfies Partial<Rule>;

/** What a policy that leaves these fields out means. */
export const policyDefaults = {
  description: "",
  paused: false,
  durationSeconds: 600,
  silenceSeconds: 1200,
  onCpu: { frequencyHz: 99 },
  offCpu: { minimumNs: 1_000_000 },
  tls: false,
} as const satisfies Partial<Policy>;
