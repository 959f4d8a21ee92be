import type { Cause } from "../model/cause.ts";
import { metrics } from "../model/metric.ts";
import type { Rule } from "../model/policy.ts";
import { Discovery, type DiscoveryChanges, type LiveProcess } from "./discovery.ts";
import { evaluateRule } from "./evaluate.ts";
import type { HttpMonitor } from "./http/http_monitor.ts";
import { Matcher } from "./matcher.ts";
import { type ActivePolicy, type PartRefusal, PolicyBook } from "./policy_book.ts";
import type { PolicyText } from "./policy_sync.ts";
import type { Probe } from "./probe/probe.ts";
import { type ProcessLayout, ProcessTable } from "./process_table.ts";
import type { NamingOptions } from "./service_name.ts";
import type { Trigger, TriggerOutcome, Trip } from "./trigger.ts";
import { type WatchedRule, type WindowRefusal, WindowSet } from "./window_set.ts";

const shownSeconds = 10;

/** What the pipeline is built of. */
export interface PipelineOptions extends NamingOptions {
  layout: ProcessLayout;
  book: PolicyBook;
  trigger: Trigger;
  probes: readonly Probe[];
  /** Fills the windows of HTTP metrics. */
  http: HttpMonitor;
  bootId: string;
  /** These and what they start are Stakeout itself. */
  ownPids: readonly number[];
  /** Seconds that every window keeps, whatever its rules look at; 1 when absent. */
  leastWindowSeconds?: number;
}

/** What came of one second. */
export interface PipelineTick {
  readonly changes: DiscoveryChanges;
  /** Whether a policy matches other processes than before. */
  readonly matchesChanged: boolean;
  readonly outcome: TriggerOutcome;
}

/**
 * The path from a snapshot of all processes to the tasks to start: probe, window, evaluate, trigger. It reads no clock
 * and starts nothing; the caller brings a snapshot a second.
 */
export class Pipeline {
  readonly windows: WindowSet;
  readonly discovery: Discovery;
  readonly #options: PipelineOptions;
  readonly #table: ProcessTable;
  readonly #matcher: Matcher;
  readonly #watched = new Map<string, LiveProcess>();
  readonly #windowRefusals = new Map<string, readonly WindowRefusal[]>();
  #matchesChanged = false;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.windows = new WindowSet(options.leastWindowSeconds);
    this.#table = new ProcessTable(options.layout);
    this.#matcher = new Matcher(options.host);
    this.discovery = new Discovery({ ...options, table: this.#table });
  }

  /** Slot that the last snapshot closed, in whole seconds of CLOCK_BOOTTIME; -1 before the first. */
  get second(): number {
    return this.#table.second;
  }

  get watchedProcesses(): number {
    return this.#watched.size;
  }

  /** Takes over a whole set of policies; windows that are still read keep their slots. */
  setPolicies(setVersion: number, texts: readonly PolicyText[]): void {
    const { book } = this.#options;
    book.replace(setVersion, texts);
    this.#options.http.retry();
    const active = [...book.values()];
    this.#matcher.setPolicies(active.map(({ policy }) => policy), this.discovery.values());
    this.#followMatches();
    for (const watched of this.#matcher.watched()) this.#watch(watched.live, watched.policies);
    this.#watchRules("", active.flatMap((policy) => rulesOfScope(policy, "host")));
  }

  /** Reads who all processes are, after the first snapshot; see {@linkcode Discovery.readAll}. */
  async start(atBootNs: number, records: Uint8Array): Promise<DiscoveryChanges> {
    this.discovery.update(atBootNs, records);
    await this.discovery.readAll();
    return this.#followProcesses();
  }

  /** One second: takes the snapshot over, fills the windows, judges every rule. */
  tick(
    atBootNs: number,
    records: Uint8Array,
    overBudget: string | undefined,
  ): PipelineTick {
    this.discovery.update(atBootNs, records);
    const changes = this.#followProcesses();
    const matchesChanged = this.#matchesChanged;
    this.#matchesChanged = false;
    for (const probe of this.#options.probes) this.#read(probe);
    const { second, coveredSeconds } = this.#table;
    this.#options.http.read({ second, coveredSeconds, atBootNs });
    const trips = this.#table.coveredSeconds > 0 ? this.#judge() : [];
    const outcome = this.#options.trigger.judge({
      trips,
      atBootSeconds: this.second + 1,
      ...(overBudget === undefined ? {} : { overBudget }),
    });
    return { changes, matchesChanged, outcome };
  }

  /** The processes each policy matches now. */
  matches(): { policy: string; processIds: string[] }[] {
    return [...this.#options.book.values()].map(({ policy }) => ({
      policy: policy.name,
      processIds: [...this.#matcher.processesOf(policy.name)].map(({ process }) => process.id),
    }));
  }

  /** Everything of the policies that is not done here, and why. */
  refusals(): PartRefusal[] {
    const limits = new Map<string, PartRefusal>();
    for (const { policy, ruleIndex, reason } of [...this.#windowRefusals.values()].flat()) {
      const path = `rules[${ruleIndex}]`;
      limits.set(`${policy} ${path}`, { policy, path, reason });
    }
    for (const { policy, path, reason } of this.#httpFaults()) {
      limits.set(`${policy} ${path}`, { policy, path, reason });
    }
    const targets = this.#matcher.refusals().map(({ policy, reason }) => ({
      policy,
      path: "target",
      reason,
    }));
    return [...this.#options.book.refusals, ...targets, ...limits.values()];
  }

  *#httpFaults(): Generator<PartRefusal> {
    const { http } = this.#options;
    for (const processId of this.#watched.keys()) {
      for (const { policy, rule, ruleIndex, window } of this.windows.rulesOf(processId)) {
        if (!metrics[rule.metric].http) continue;
        const path = `rules[${ruleIndex}]`;
        const reason = http.fault(processId, window);
        if (reason !== undefined) yield { policy, path, reason };
        const pending = http.pendingFault(processId, rule);
        if (pending !== undefined) yield { policy, path: `${path}.include_pending`, reason: pending };
      }
    }
  }

  #followProcesses(): DiscoveryChanges {
    const changes = this.discovery.takeChanges();
    this.#matcher.apply(changes);
    this.#followMatches();
    return changes;
  }

  #followMatches(): void {
    const { added, changed, removed } = this.#matcher.takeChanges();
    if (added.length + changed.length + removed.length > 0) this.#matchesChanged = true;
    for (const { live } of removed) {
      this.#watched.delete(live.process.id);
      this.#windowRefusals.delete(live.process.id);
      this.windows.unwatch(live.process.id);
      this.#options.http.leave(live.process.id);
    }
    for (const { live, policies } of [...added, ...changed]) this.#watch(live, policies);
  }

  #watch(live: LiveProcess, policies: ReadonlySet<string>): void {
    this.#watched.set(live.process.id, live);
    const active = [...policies].flatMap((name) => this.#options.book.get(name) ?? []);
    const rules = active.flatMap((policy) => rulesOfScope(policy, "process"));
    this.#watchRules(live.process.id, [
      ...rules,
      ...shownHttpRules(rules),
      ...active.flatMap((policy) => rulesOfScope(policy, "host")).map(toRankingRule),
    ]);
    const series = [...this.windows.seriesOf(live.process.id)];
    const tls = active.some(({ policy, rules }) =>
      policy.tls && rules.some(({ rule }) => metrics[rule.metric].http)
    );
    this.#options.http.follow(live, series.filter(({ rule }) => metrics[rule.metric].http), tls);
  }

  #watchRules(processId: string, rules: readonly WatchedRule[]): void {
    const refusals = this.windows.watch(processId, rules);
    if (refusals.length > 0) this.#windowRefusals.set(processId, refusals);
    else this.#windowRefusals.delete(processId);
  }

  #read(probe: Probe): void {
    probe.read(this.#table, this.#watched.values(), (processId, second, value, coveredSeconds) => {
      for (const { rule, window } of this.windows.seriesOf(processId)) {
        if (rule.metric !== probe.metric) continue;
        if (coveredSeconds > 1) window.fillMean(second - coveredSeconds + 1, second, value);
        else window.write(second, value, false);
      }
    });
  }

  #judge(): Trip[] {
    const trips: Trip[] = [];
    for (const processId of this.windows.processIds()) {
      for (const { policy, rule, ruleIndex, uri, window } of this.windows.rulesOf(processId)) {
        const cause = evaluateRule(rule, ruleIndex, uri, window, this.second);
        const active = cause === undefined ? undefined : this.#options.book.get(policy);
        if (cause === undefined || active === undefined) continue;
        const note = this.#options.http.describe(processId, rule, this.second);
        trips.push(this.#trip(active, { ...cause, note }, processId));
      }
    }
    return trips;
  }

  #trip({ policy, version }: ActivePolicy, cause: Cause, processId: string): Trip {
    const trip = { policy, policyVersion: version, cause };
    const live = this.#watched.get(processId);
    if (live !== undefined) return { ...trip, process: live.process };
    const candidates = [...this.#matcher.processesOf(policy.name)].map(({ process }) => ({
      process,
      cpuUse: this.#cpuUse(process.id, cause.periodSeconds),
    }));
    return { ...trip, candidates };
  }

  /** Sum of the CPU slots of a rule's period. */
  #cpuUse(processId: string, periodSeconds: number): number {
    for (const { rule, window } of this.windows.seriesOf(processId)) {
      if (rule.metric !== "process_cpu") continue;
      return window.slots(this.second, periodSeconds).reduce((sum, { value }) => sum + value, 0);
    }
    return 0;
  }
}

function rulesOfScope({ policy, rules }: ActivePolicy, scope: "process" | "host"): WatchedRule[] {
  return rules.filter(({ rule }) => metrics[rule.metric].scope === scope)
    .map(({ index, rule }) => ({ policy: policy.name, ruleIndex: index, rule }));
}

/**
 * A process with HTTP rules has all HTTP metrics of all its requests kept, for people to see: they never trip, and are as
 * long as a report may be late.
 */
function shownHttpRules(rules: readonly WatchedRule[]): WatchedRule[] {
  const http = Object.values(metrics).filter((metric) => metric.http);
  const roles = new Map<Rule["role"], WatchedRule>();
  for (const watched of rules) {
    if (metrics[watched.rule.metric].http) {
      roles.set(watched.rule.role, roles.get(watched.rule.role) ?? watched);
    }
  }
  return [...roles.values()].flatMap((watched) =>
    http.map(({ name }) => ({
      ...watched,
      rule: {
        ...{ metric: name, role: watched.rule.role, errors: "4xx_5xx", includePending: false },
        ...{ threshold: Number.MAX_VALUE, periodSeconds: shownSeconds, count: 1 },
      },
    }))
  );
}

/** A host-wide rule starts its task on the busiest processes: their CPU is kept for its period, and never trips. */
function toRankingRule(watched: WatchedRule): WatchedRule {
  const rule: Rule = { ...watched.rule, metric: "process_cpu", threshold: Number.MAX_VALUE };
  return { ...watched, rule };
}
