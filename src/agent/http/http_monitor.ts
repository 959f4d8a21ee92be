import { BpfError } from "../../../lib/bpf/error.ts";
import type { Logger } from "../../../lib/log.ts";
import type { Rule } from "../../model/policy.ts";
import type { LiveProcess } from "../discovery.ts";
import type { Window } from "../window.ts";
import type { SeriesWindow } from "../window_set.ts";
import type { FollowedProcess } from "./followed_process.ts";
import { HttpPlaces } from "./http_places.ts";
import { HttpProcess, type HttpSlot } from "./http_process.ts";
import type { HttpPrograms } from "./http_programs.ts";
import { readSample } from "./http_sample.ts";
import { PendingReader } from "./pending_reader.ts";
import { samplesPerSecond } from "./sample_shift.ts";
import { UriFilters } from "./uri_filters.ts";
import { TlsMonitor } from "../tls/tls_monitor.ts";

const leastSamples = 16;
const tooManyChildren =
  "HTTP of 8,192 processes and children of theirs is watched on this host already; let fewer processes match";
const unknownMatches =
  "what an expression matches is not known before a request ends; use paths or prefixes to judge those in flight";
/** Time of a tick for matching samples with regular expressions. */
const matchBudgetMs = 10;

/** The kernel's side while it is loaded. */
interface Loaded {
  readonly programs: HttpPrograms;
  readonly places: HttpPlaces;
  readonly filters: UriFilters;
  readonly pending: PendingReader;
  /** Undefined where the kernel cannot. */
  readonly tls: TlsMonitor | undefined;
}

/** A process that is to be counted, and what for. */
interface WantedProcess {
  readonly live: LiveProcess;
  readonly series: readonly SeriesWindow[];
  readonly tls: boolean;
}

export interface HttpMonitorOptions {
  /** Loads and attaches the programs. */
  readonly open: () => Promise<HttpPrograms>;
  readonly logger: Logger;
}

/**
 * Fills the windows of HTTP rules. The programs are loaded when the first process is followed and gone when the last is left:
 * without HTTP rules nothing of it is in the kernel.
 */
export class HttpMonitor {
  readonly #options: HttpMonitorOptions;
  readonly #wanted = new Map<string, WantedProcess>();
  readonly #followed = new Map<string, FollowedProcess>();
  readonly #byNumber = new Map<number, FollowedProcess>();
  #loaded: Loaded | undefined;
  #transition: Promise<void> | undefined;
  #slotBootNs = 0;
  #problem: string | undefined;
  /** Processes for which there was no room, and why. */
  readonly #refused = new Map<string, string>();
  /** Whether counters or filters may have come free since the last second. */
  #roomFreed = false;
  #closed = false;

  constructor(options: HttpMonitorOptions) {
    this.#options = options;
  }

  /** Processes that are counted now. */
  get followed(): Iterable<FollowedProcess> {
    return this.#followed.values();
  }

  /** The kernel's side, undefined while it is not loaded. */
  get places(): HttpPlaces | undefined {
    return this.#loaded?.places;
  }

  /**
   * Has these windows of a process filled, in place of those before. None of them: it is left.
   *
   * @param tls Whether a policy allows to read its TLS.
   */
  follow(live: LiveProcess, series: readonly SeriesWindow[], tls = false): void {
    const { id } = live.process;
    if (series.length === 0) return this.leave(id);
    this.#wanted.set(id, { live, series, tls });
    this.#roomFreed = true;
    this.#apply(id);
    this.#adjust();
  }

  /** Counts a process no longer. */
  leave(processId: string): void {
    if (!this.#wanted.delete(processId)) return;
    this.#refused.delete(processId);
    this.#roomFreed = true;
    const followed = this.#followed.get(processId);
    if (followed !== undefined && this.#loaded !== undefined) {
      followed.left = true;
      this.#followed.delete(processId);
      this.#byNumber.delete(followed.http.number);
      this.#loaded.programs.unwatch(followed.live.row.tgid);
      this.#loaded.pending.forget(followed.live.process.pid);
      this.#loaded.tls?.leave(processId);
      followed.http.close();
    }
    if (this.#wanted.size === 0) this.#problem = undefined;
    this.#adjust();
  }

  /** Why a window of a process is not filled, undefined when it is. */
  fault(processId: string, window: Window): string | undefined {
    return this.#problem ?? this.#refused.get(processId) ??
      this.#followed.get(processId)?.http.faults.get(window);
  }

  /** Why a rule that judges requests in flight of a process does not see them, undefined when it does. */
  pendingFault(processId: string, rule: Rule): string | undefined {
    const followed = this.#followed.get(processId);
    if (!rule.includePending || followed === undefined) return undefined;
    if (rule.uri !== undefined && "regex" in rule.uri) return unknownMatches;
    return this.#loaded?.pending.refusal(followed.live.process.pid);
  }

  /** Why TLS connections of a process are not read, or what that costs; `""` when there is nothing to say. */
  tlsReason(processId: string): string {
    const wanted = this.#wanted.get(processId);
    if (wanted === undefined || this.#loaded === undefined) return "";
    if (!wanted.tls) return "no policy with tls: true matches it";
    return this.#loaded.tls?.reason(processId) ??
      "this kernel cannot read TLS: it needs uprobe_multi, Linux 6.6";
  }

  /** What a cause has to say of how its values were made; `""` when nothing. */
  describe(processId: string, rule: Rule, second: number): string {
    return this.#followed.get(processId)?.http.describe(rule, second) ?? "";
  }

  /** Fills the slot of all windows. */
  read(slot: HttpSlot): void {
    if (this.#loaded === undefined || slot.coveredSeconds <= 0) return;
    this.#loaded.tls?.tick(slot.second);
    this.#retryRefused();
    this.#takeSamples(this.#loaded);
    this.#loaded.pending.begin([...this.#followed.values()].filter(({ http }) => http.judgesPending));
    let active = 0;
    for (const { live, http, pending, tls } of this.#followed.values()) {
      // One that was read in an earlier second says nothing of this one.
      http.read(slot, pending !== undefined && pending.atBootNs > this.#slotBootNs ? pending : undefined);
      if (http.requests > 0) active++;
      if (tls && http.hasChildren) this.#loaded.tls?.readChildren(live.process.id);
    }
    this.#slotBootNs = slot.atBootNs;
    const budget = Math.max(leastSamples, samplesPerSecond / Math.max(1, active));
    for (const { http } of this.#followed.values()) {
      http.limitSamples(http.requests / slot.coveredSeconds, budget);
    }
  }

  /** Reads the requests in flight of all processes, for a report; those with many open files are not done when it returns. */
  readAllPending(): void {
    this.#loaded?.pending.begin([...this.#followed.values()]);
  }

  /** Tries again what this host could not do. */
  retry(): void {
    this.#problem = undefined;
    this.#adjust();
  }

  /** Takes everything out of the kernel. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#transition;
    this.#adjust();
    await this.#transition;
  }

  #takeSamples({ programs }: Loaded): void {
    const deadlineMs = performance.now() + matchBudgetMs;
    let matched = true;
    programs.samples.drain((view, at) => {
      const sample = readSample(view, at);
      matched &&= performance.now() < deadlineMs;
      this.#byNumber.get(sample.number)?.http.takeSample(sample, matched);
    });
  }

  /** Children that ended make room without a word, so the first process that found none tries again, and the others if it did. */
  #retryRefused(): void {
    for (const id of [...this.#refused.keys()]) {
      this.#apply(id);
      if (this.#refused.has(id)) break;
    }
    if (!this.#roomFreed) return;
    this.#roomFreed = false;
    for (const { http } of this.#followed.values()) http.retryFaults();
  }

  #apply(id: string): void {
    const wanted = this.#wanted.get(id);
    if (wanted === undefined || this.#loaded === undefined) return;
    const { programs, places, filters, tls } = this.#loaded;
    this.#refused.delete(id);
    let followed = this.#followed.get(id);
    if (followed === undefined) {
      const number = places.open();
      if (number === undefined) {
        this.#refused.set(id, "HTTP of 4,096 processes is watched on this host already");
        return;
      }
      const http = new HttpProcess(number, places, filters);
      http.setSeries(wanted.series);
      try {
        programs.watch(wanted.live.row.tgid, number);
      } catch (error) {
        http.close();
        if (!(error instanceof BpfError)) throw error;
        this.#refused.set(id, tooManyChildren);
        return;
      }
      followed = { live: wanted.live, http, tls: wanted.tls, pending: undefined, left: false };
      this.#followed.set(id, followed);
      this.#byNumber.set(number, followed);
    } else followed.http.setSeries(wanted.series);
    followed.tls = wanted.tls;
    places.setTls(followed.http.number, wanted.tls);
    if (wanted.tls) tls?.follow(id, wanted.live.process.pid);
    else tls?.leave(id);
  }

  /** Loads or unloads the programs, one thing at a time, until what is there is what is wanted. */
  #adjust(): void {
    const wanted = this.#wanted.size > 0 && !this.#closed && this.#problem === undefined;
    if (this.#transition !== undefined || wanted === (this.#loaded !== undefined)) return;
    this.#transition = (wanted ? this.#load() : this.#unload()).finally(() => {
      this.#transition = undefined;
      this.#adjust();
    });
  }

  async #load(): Promise<void> {
    const { logger, open } = this.#options;
    try {
      const programs = await open();
      this.#loaded = {
        programs,
        places: new HttpPlaces(programs),
        filters: new UriFilters(programs.object.map("uris")),
        pending: new PendingReader(programs),
        tls: programs.tls && new TlsMonitor(programs.tls, logger),
      };
      for (const id of this.#wanted.keys()) this.#apply(id);
      logger.info("HTTP is watched", { hook: programs.hook, processes: this.#followed.size });
    } catch (error) {
      this.#problem = `HTTP cannot be watched on this host: ${
        error instanceof Error ? error.message : error
      }`;
      logger.error("HTTP cannot be watched", { error });
    }
  }

  async #unload(): Promise<void> {
    const loaded = this.#loaded;
    this.#loaded = undefined;
    this.#followed.clear();
    this.#byNumber.clear();
    await loaded?.tls?.close();
    await loaded?.pending.close();
    await loaded?.programs.close();
    this.#options.logger.info("HTTP is watched no longer");
  }
}
