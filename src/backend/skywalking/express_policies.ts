import { createHash } from "node:crypto";
import { metrics } from "../../model/metric.ts";
import { type Policy, policyDefaults, type ProfileKind, type Rule } from "../../model/policy.ts";
import { type OapMonitor, oapMonitors, oapTargets } from "../../model/skywalking.ts";
import { compileTarget } from "../../model/target.ts";
import type { BookEntry } from "../policy_book.ts";
import type { RoverProcess } from "./rover_process.ts";

/** A rule that SkyWalking's agent judges for a service, and what it starts. */
export interface ExpressedRule {
  readonly policy: Policy;
  readonly version: number;
  /** Index into the policy's rules. */
  readonly index: number;
  readonly rule: Rule;
  readonly monitor: OapMonitor;
  readonly kind: ProfileKind;
}

/** Our policies for one service, as SkyWalking has them: one a service. */
export interface ServicePolicy {
  /** Of the content: the same policies have the same one. */
  readonly uuid: string;
  /** `{TARGET: {MONITOR: {Threshold, Period, Count, URIList, URIRegex}}}`. */
  readonly profiling: Readonly<Record<string, Readonly<Record<string, object>>>>;
  readonly rules: readonly ExpressedRule[];
}

/** What one agent of SkyWalking makes of all our policies. */
export interface Expression {
  /** By service; a service without any policy is absent. */
  readonly services: ReadonlyMap<string, ServicePolicy>;
  /** What cannot be said in SkyWalking's terms, for the policies' pages. */
  readonly refused: readonly { readonly policy: string; readonly path: string; readonly reason: string }[];
  readonly matches: readonly { readonly policy: string; readonly processIds: string[] }[];
}

type Refuse = (path: string, reason: string) => void;

/** What SkyWalking's agent does unless its own configuration says otherwise; the protocol has no field for it. */
const roverDefaults = { durationSeconds: 600, silenceSeconds: 1200 };
const refusalsListed = 2_000;

/**
 * Puts policies into SkyWalking's terms for the processes of one agent.
 *
 * SkyWalking keeps one policy a service, with one condition of each kind a target. A policy therefore must match all
 * processes of a service or none, and of several conditions of one kind the first is taken, by the policies' names. Whatever
 * cannot be said is refused with the reason and never changed into something like it.
 */
export function expressPolicies(
  entries: readonly BookEntry[],
  processes: readonly RoverProcess[],
  host: string,
): Expression {
  const services = Map.groupBy(processes, ({ service }) => service);
  const taken = new Map<string, Map<string, ExpressedRule>>();
  const refused = new Map<string, Expression["refused"][number]>();
  const matches: { policy: string; processIds: string[] }[] = [];
  for (const { stored, policy } of entries) {
    if (policy === undefined || policy.paused) continue;
    function refuse(path: string, reason: string): void {
      if (refused.size >= refusalsListed) return;
      refused.set(JSON.stringify([stored.name, path, reason]), { policy: stored.name, path, reason });
    }
    const isTarget = compileTarget(policy.target);
    const processIds: string[] = [];
    for (const [service, all] of services) {
      const matched = all.filter(({ model }) => isTarget(model, host));
      if (matched.length === 0) continue;
      if (matched.length < all.length) {
        refuse(
          "target",
          `SkyWalking's policies are for whole services; ${matched.length} of the ` +
            `${all.length} processes of ${service} match`,
        );
        continue;
      }
      const slots = taken.get(service) ?? new Map<string, ExpressedRule>();
      taken.set(service, slots);
      if (takeRules(policy, stored.version, service, slots, refuse)) {
        processIds.push(...all.map(({ id }) => id));
      }
    }
    if (processIds.length > 0) matches.push({ policy: stored.name, processIds });
  }
  const expressed = [...taken].filter(([, slots]) => slots.size > 0)
    .map(([service, slots]) => [service, toServicePolicy([...slots.values()])] as const);
  return { services: new Map(expressed), refused: [...refused.values()], matches };
}

/** Adds what a policy asks for of a service; true when any of it can be judged. */
function takeRules(
  policy: Policy,
  version: number,
  service: string,
  slots: Map<string, ExpressedRule>,
  refuse: Refuse,
): boolean {
  sayDifferences(policy, refuse);
  let isAny = false;
  policy.rules.forEach((rule, index) => {
    const monitor = toMonitor(rule);
    if (typeof monitor === "string") return refuse(`rules[${index}]`, monitor);
    for (const kind of policy.start) {
      const slot = `${kind} ${monitor.name}`;
      const other = slots.get(slot);
      if (other === undefined) {
        slots.set(slot, { policy, version, index, rule, monitor, kind });
        isAny = true;
      } else {
        refuse(
          `rules[${index}]`,
          `SkyWalking takes one condition on ${rule.metric} a service and kind of ` +
            `profile; that of policy ${other.policy.name} is taken for ${service}`,
        );
      }
    }
  });
  return isAny;
}

/** What is judged all the same, but not as the policy says. */
function sayDifferences(policy: Policy, refuse: Refuse): void {
  const { durationSeconds, silenceSeconds, onCpu, offCpu, start } = policy;
  const own = "SkyWalking's agent has this in its own configuration";
  if (durationSeconds !== roverDefaults.durationSeconds) {
    refuse("duration", `${own}: ${roverDefaults.durationSeconds} s unless set there`);
  }
  if (silenceSeconds < roverDefaults.silenceSeconds) {
    refuse("silence", `${own}: ${roverDefaults.silenceSeconds} s unless set there`);
  }
  if (start.includes("on_cpu") && onCpu.frequencyHz !== policyDefaults.onCpu.frequencyHz) {
    refuse("on_cpu.frequency", `${own}: 111 Hz unless set there`);
  }
  if (start.includes("off_cpu") && offCpu.minimumNs !== policyDefaults.offCpu.minimumNs) {
    refuse("off_cpu.minimum", "SkyWalking's agent keeps every wait, however short");
  }
}

/** The monitor of a rule, or why SkyWalking has none. */
function toMonitor({ metric, threshold, errors, role, includePending, uri }: Rule): OapMonitor | string {
  const monitor = oapMonitors.find((one) => one.metric === metric);
  if (monitor === undefined) return `SkyWalking has no ${metric}`;
  if (!Number.isInteger(threshold)) return `SkyWalking's thresholds are whole numbers; this is ${threshold}`;
  if (!metrics[metric].http) return monitor;
  if (role === "client") return "SkyWalking judges requests that a process serves, not those that it sends";
  if (metric === "http_error_rate" && errors !== "5xx") {
    return "SkyWalking's agent takes only statuses from 500 on for errors; write errors: 5xx";
  }
  if (includePending) return "SkyWalking judges no requests in flight";
  if (uri !== undefined && "prefixes" in uri) return "SkyWalking has no prefixes; give paths, or a regex";
  return monitor;
}

function toServicePolicy(rules: readonly ExpressedRule[]): ServicePolicy {
  const profiling: Record<string, Record<string, object>> = {};
  for (const [target, kind] of oapTargets) {
    for (const { name } of oapMonitors) {
      const found = rules.find((one) => one.kind === kind && one.monitor.name === name);
      if (found !== undefined) (profiling[target] ??= {})[name] = toItem(found.rule);
    }
  }
  const uuid = createHash("sha512").update(JSON.stringify(profiling)).digest("hex");
  return { uuid, profiling, rules };
}

function toItem({ threshold, periodSeconds, count, uri }: Rule): object {
  return {
    ...{ Threshold: String(threshold), Period: periodSeconds, Count: count },
    ...(uri !== undefined && "paths" in uri ? { URIList: uri.paths } : {}),
    ...(uri !== undefined && "regex" in uri ? { URIRegex: uri.regex } : {}),
  };
}
