import { metrics } from "../model/metric.ts";
import { type Rule, ruleUris } from "../model/policy.ts";
import { seriesVariant } from "../model/series.ts";
import { Window, windowBytes } from "./window.ts";

/** Most of each that a host holds; beyond it a rule or process is refused. */
export const windowLimits = { processes: 4096, httpRules: 64, bytes: 32 * 1024 * 1024 } as const;

/** One rule of a policy that is to be judged for a process. */
export interface WatchedRule {
  readonly policy: string;
  readonly ruleIndex: number;
  readonly rule: Rule;
}

/** What a probe fills: rules that ask the same of the same requests share one window. */
export interface SeriesWindow {
  /** Any of the rules that read it: metric, kind of URI, role, errors and pending are the same in all of them. */
  readonly rule: Rule;
  /** The path, prefix or regular expression, `""` for all. */
  readonly uri: string;
  readonly window: Window;
}

/** What `evaluateRule` reads each second. */
export interface RuleWindow extends WatchedRule {
  readonly uri: string;
  readonly window: Window;
}

/** A rule that is not judged for a process because of a limit. */
export interface WindowRefusal {
  readonly policy: string;
  readonly ruleIndex: number;
  readonly processId: string;
  /** With the limit's number. */
  readonly reason: string;
}

interface WatchedProcess {
  readonly series: ReadonlyMap<string, SeriesWindow>;
  readonly rules: readonly RuleWindow[];
  readonly httpRules: readonly string[];
}

/**
 * Owns every window of the host, by process, metric and URI: as long as the longest period that reads it, gone when
 * nothing does. The process `""` stands for the host itself and does not count as one.
 *
 * Limits: `windowLimits`; `watch` says what it refused, and tries again whenever it is called anew.
 */
export class WindowSet {
  readonly #leastSeconds: number;
  readonly #processes = new Map<string, WatchedProcess>();
  readonly #httpRules = new Map<string, number>();
  #bytes = 0;
  #watched = 0;

  /** @param leastSeconds Length of a window whose rules look at less: as much is reported at once. */
  constructor(leastSeconds = 1) {
    this.#leastSeconds = leastSeconds;
  }

  /** Memory of all slots. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Processes with at least one window. */
  get watchedProcesses(): number {
    return this.#watched;
  }

  /** Ids of the processes with windows, `""` for the host. */
  processIds(): IterableIterator<string> {
    return this.#processes.keys();
  }

  /** Windows that probes fill for a process. */
  seriesOf(processId: string): Iterable<SeriesWindow> {
    return this.#processes.get(processId)?.series.values() ?? [];
  }

  /** Windows that rules read for a process. */
  rulesOf(processId: string): readonly RuleWindow[] {
    return this.#processes.get(processId)?.rules ?? [];
  }

  /**
   * Sets which rules are judged for a process, in place of those before; windows that are still read keep their slots.
   * Call it when a process appears and when policies change. Without rules it is `unwatch`.
   */
  watch(processId: string, rules: readonly WatchedRule[]): WindowRefusal[] {
    const before = this.#processes.get(processId);
    this.unwatch(processId);
    const refuse = ({ policy, ruleIndex }: WatchedRule, reason: string) => ({
      policy,
      ruleIndex,
      processId,
      reason,
    });
    if (rules.length > 0 && processId !== "" && this.#watched >= windowLimits.processes) {
      const reason = `${format(windowLimits.processes)} processes are watched on this host already`;
      return rules.map((rule) => refuse(rule, reason));
    }
    const refusals: WindowRefusal[] = [];
    const accepted: WatchedRule[] = [];
    const lengths = new Map<string, number>();
    for (const watched of rules) {
      const longer = this.#lengthen(lengths, watched.rule);
      if (longer === undefined) {
        refusals.push(
          refuse(watched, `windows take ${format(windowLimits.bytes / 2 ** 20)} MiB on this host already`),
        );
      } else if (isCounted(watched.rule) && !this.#takeHttpRule(httpKey(watched))) {
        refusals.push(
          refuse(watched, `${windowLimits.httpRules} HTTP rules are judged on this host already`),
        );
      } else {
        for (const [key, seconds] of longer) {
          const counted = isCounted(watched.rule);
          this.#bytes += windowBytes(seconds, counted) - windowBytes(lengths.get(key) ?? 0, counted);
          lengths.set(key, seconds);
        }
        accepted.push(watched);
      }
    }
    if (accepted.length > 0) this.#add(processId, accepted, lengths, before);
    return refusals;
  }

  /** Forgets a process and its windows. */
  unwatch(processId: string): void {
    const process = this.#processes.get(processId);
    if (process === undefined) return;
    this.#processes.delete(processId);
    if (processId !== "") this.#watched--;
    for (const { window } of process.series.values()) this.#bytes -= window.bytes;
    for (const key of process.httpRules) {
      const uses = (this.#httpRules.get(key) ?? 1) - 1;
      if (uses === 0) this.#httpRules.delete(key);
      else this.#httpRules.set(key, uses);
    }
  }

  /** Lengths of the windows that a rule needs longer than `lengths` has them, or `undefined` beyond the limit. */
  #lengthen(lengths: ReadonlyMap<string, number>, rule: Rule): Map<string, number> | undefined {
    const longer = new Map<string, number>();
    const counted = isCounted(rule);
    let bytes = this.#bytes;
    for (const uri of ruleUris(rule)) {
      const key = seriesKey(rule, uri);
      const seconds = lengths.get(key) ?? 0;
      const wanted = Math.max(rule.periodSeconds, this.#leastSeconds);
      if (seconds >= wanted || longer.has(key)) continue;
      longer.set(key, wanted);
      bytes += windowBytes(wanted, counted) - windowBytes(seconds, counted);
    }
    return bytes > windowLimits.bytes ? undefined : longer;
  }

  #takeHttpRule(key: string): boolean {
    const uses = this.#httpRules.get(key) ?? 0;
    if (uses === 0 && this.#httpRules.size >= windowLimits.httpRules) return false;
    this.#httpRules.set(key, uses + 1);
    return true;
  }

  #add(
    processId: string,
    accepted: readonly WatchedRule[],
    lengths: ReadonlyMap<string, number>,
    before: WatchedProcess | undefined,
  ): void {
    const series = new Map<string, SeriesWindow>();
    const rules: RuleWindow[] = [];
    for (const watched of accepted) {
      for (const uri of ruleUris(watched.rule)) {
        const key = seriesKey(watched.rule, uri);
        let window = series.get(key)?.window;
        if (window === undefined) {
          const seconds = lengths.get(key) ?? watched.rule.periodSeconds;
          window = before?.series.get(key)?.window ?? new Window(seconds, isCounted(watched.rule));
          window.resize(seconds);
          series.set(key, { rule: watched.rule, uri, window });
        }
        rules.push({ ...watched, uri, window });
      }
    }
    const httpRules = accepted.filter(({ rule }) => isCounted(rule)).map(httpKey);
    this.#processes.set(processId, { series, rules, httpRules });
    if (processId !== "") this.#watched++;
  }
}

/** HTTP windows also keep what their values are made of. */
function isCounted(rule: Rule): boolean {
  return metrics[rule.metric].http;
}

function httpKey(watched: WatchedRule): string {
  return `${watched.policy} ${watched.ruleIndex}`;
}

/** Everything of a rule that decides which value a second has. */
function seriesKey(rule: Rule, uri: string): string {
  return `${rule.metric} ${seriesVariant(rule)} ${uri}`;
}

function format(number: number): string {
  return number.toLocaleString("en");
}
