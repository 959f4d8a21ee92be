import type { Rule } from "../../model/policy.ts";
import type { SeriesWindow } from "../window_set.ts";
import type { CounterCursor } from "./counter_cursor.ts";
import type { HttpInterval } from "./http_interval.ts";
import { type HttpPlaces, type Role, roleNumbers } from "./http_places.ts";
import { HttpRole } from "./http_role.ts";
import type { HttpSample } from "./http_sample.ts";
import { httpValue } from "./http_value.ts";
import type { PendingReading } from "./pending_requests.ts";
import { RegexMatches } from "./regex_matches.ts";
import { sampleShift } from "./sample_shift.ts";
import type { UriFilters } from "./uri_filters.ts";
import type { UriText } from "./uri_trie.ts";

/** The slot that is filled. */
export interface HttpSlot {
  readonly second: number;
  /** Over 1 where ticks were missed. */
  readonly coveredSeconds: number;
  /** When the counters were read. */
  readonly atBootNs: number;
}

interface FilterCounters {
  readonly uri: UriText;
  readonly role: Role;
  readonly filter: number;
  readonly cursor: CounterCursor;
  interval: HttpInterval | undefined;
}

/** One process whose requests the kernel counts, and the windows that they fill. */
export class HttpProcess {
  readonly number: number;
  /** Why a window is not filled, by window. */
  readonly faults = new Map<SeriesWindow["window"], string>();
  readonly roles = new Map<Role, HttpRole>();
  readonly #places: HttpPlaces;
  readonly #filters: UriFilters;
  readonly #counters = new Map<string, FilterCounters>();
  #series: readonly SeriesWindow[] = [];
  /** Whether children that it forked are counted as it. */
  hasChildren = false;
  #lostSamples = 0;
  #shift = 0;
  #whole = false;

  constructor(number: number, places: HttpPlaces, filters: UriFilters) {
    this.number = number;
    this.#places = places;
    this.#filters = filters;
  }

  /** Whether a rule judges requests in flight. */
  get judgesPending(): boolean {
    return this.#series.some(({ rule }) => rule.includePending);
  }

  /** Counts what these series need; counters that are still needed go on. */
  setSeries(series: readonly SeriesWindow[]): void {
    this.#series = series;
    this.faults.clear();
    const wantedRoles = new Set(series.map(({ rule }) => rule.role));
    for (const role of this.roles.values()) if (!wantedRoles.has(role.role)) this.#closeRole(role);
    const wantedFilters = new Set(series.flatMap((one) => uriKey(one) ?? []));
    for (const [key, counters] of this.#counters) {
      if (!wantedFilters.has(key)) this.#closeFilter(key, counters);
    }
    for (const role of this.roles.values()) role.regexes.clear();
    this.#openAll(series);
    this.#places.setSampleShift(this.number, this.#shift);
  }

  /** Tries again what there was no room for. */
  retryFaults(): void {
    if (this.faults.size > 0) this.#openAll(this.#series.filter(({ window }) => this.faults.has(window)));
  }

  /** Takes one sample of it. */
  takeSample(sample: HttpSample, matched: boolean): void {
    const role = sample.role === roleNumbers.client ? "client" : "server";
    this.roles.get(role)?.takeSample(sample, matched);
  }

  /** Reads all counters and fills the slot of every series. */
  read(slot: HttpSlot, pending: PendingReading | undefined): void {
    const { lostSamples, children } = this.#places.counts(this.number);
    this.hasChildren = children > 0;
    const lost = lostSamples - this.#lostSamples >>> 0;
    this.#lostSamples = lostSamples;
    for (const role of this.roles.values()) role.read(slot.second, lost);
    for (const counters of this.#counters.values()) counters.interval = counters.cursor.read();
    for (const series of this.#series) this.#fill(series, slot, pending);
    for (const role of this.roles.values()) {
      for (const regex of role.regexes.values()) regex.interval.reset();
    }
    this.#whole = true;
  }

  /** Requests that ended in the second that was read last. */
  get requests(): number {
    return [...this.roles.values()].reduce((sum, { interval }) => sum + (interval?.requests ?? 0), 0);
  }

  /** Samples so that about `budget` requests of a second like the last are looked at. */
  limitSamples(requests: number, budget: number): void {
    const shift = sampleShift(requests, budget);
    if (shift === this.#shift) return;
    this.#shift = shift;
    this.#places.setSampleShift(this.number, shift);
  }

  /** What a cause of this rule has to say of how its values were made. */
  describe({ uri, role, periodSeconds }: Rule, second: number): string {
    if (uri === undefined || !("regex" in uri)) return "";
    return this.roles.get(role)?.describeSample(second, periodSeconds) ?? "";
  }

  close(): void {
    for (const [key, counters] of this.#counters) this.#closeFilter(key, counters);
    for (const role of this.roles.values()) this.#closeRole(role);
    this.#places.close(this.number);
  }

  #openAll(series: readonly SeriesWindow[]): void {
    for (const one of series) {
      const fault = this.#open(one);
      if (fault === undefined) this.faults.delete(one.window);
      else this.faults.set(one.window, fault);
    }
    this.#places.setFiltered(this.number, this.#counters.size > 0);
  }

  #open(series: SeriesWindow): string | undefined {
    const { rule, uri } = series;
    let role = this.roles.get(rule.role);
    if (role === undefined) {
      const cursor = this.#places.openCounters(this.number, rule.role);
      if (cursor === undefined) return noCounters;
      this.roles.set(rule.role, role = new HttpRole(rule.role, cursor));
    }
    if (rule.uri !== undefined && "regex" in rule.uri) {
      if (!role.regexes.has(uri)) role.regexes.set(uri, new RegexMatches(uri));
      role.keepHistory(series.window.lengthSeconds);
      return undefined;
    }
    const key = uriKey(series);
    return key === undefined || this.#counters.has(key) ? undefined : this.#openFilter(key, series);
  }

  #openFilter(key: string, { rule, uri: text }: SeriesWindow): string | undefined {
    const uri: UriText = { kind: "paths" in rule.uri! ? "path" : "prefix", text };
    const filter = this.#filters.open(uri);
    if (typeof filter === "string") return filter;
    const cursor = this.#places.openFilter(this.number, rule.role, filter);
    if (cursor === undefined) {
      this.#filters.close(uri);
      return noCounters;
    }
    this.#counters.set(key, { uri, role: rule.role, filter, cursor, interval: undefined });
    return undefined;
  }

  #fill(series: SeriesWindow, slot: HttpSlot, pending: PendingReading | undefined): void {
    const { second, coveredSeconds } = slot;
    const { rule, window } = series;
    const key = uriKey(series);
    const counters = key === undefined ? undefined : this.#counters.get(key);
    const role = this.roles.get(rule.role);
    if (role === undefined || this.faults.has(window)) return;
    const regex = rule.uri !== undefined && "regex" in rule.uri ? role.regexes.get(series.uri) : undefined;
    const interval = regex?.interval ?? (key === undefined ? role.interval : counters?.interval);
    const ages = rule.includePending ? agesOf(series, pending, counters, slot.atBootNs) : [];
    const result = httpValue(rule, interval, coveredSeconds, ages);
    if (result === undefined) return;
    const { value, counts } = result;
    if (coveredSeconds > 1) window.fillMean(second - coveredSeconds + 1, second, value, counts);
    else window.write(second, value, !this.#whole, counts);
  }

  #closeRole(role: HttpRole): void {
    this.#places.closeCounters(this.number, role.role, role.cursor);
    this.roles.delete(role.role);
  }

  #closeFilter(key: string, { uri, role, filter, cursor }: FilterCounters): void {
    this.#places.closeFilter(this.number, role, filter, cursor);
    this.#filters.close(uri);
    this.#counters.delete(key);
  }
}

const noCounters = "8,191 HTTP counters, one a process and URI, are in use on this host already";

/** Key of a series' own counters; undefined when it has none of its own. */
function uriKey({ rule, uri }: SeriesWindow): string | undefined {
  if (rule.uri === undefined || "regex" in rule.uri) return undefined;
  return `${rule.role} ${"paths" in rule.uri ? "path" : "prefix"} ${uri}`;
}

/**
 * Ages of the requests in flight that a series is about, when they were read. What an expression matches is not known before
 * a request ends.
 */
function agesOf(
  { rule }: SeriesWindow,
  pending: PendingReading | undefined,
  counters: FilterCounters | undefined,
  atBootNs: number,
): number[] {
  if (pending === undefined || rule.uri !== undefined && counters === undefined) return [];
  const readBootNs = Math.min(atBootNs, pending.atBootNs);
  return pending.requests
    .filter((one) => one.role === roleNumbers[rule.role])
    .filter((one) => counters === undefined || one.counters.includes(counters.cursor.index))
    .map(({ startBootNs }) => readBootNs - startBootNs);
}
