import type { Logger } from "../../../lib/log.ts";
import { keepExecutable, readMapsText } from "../../../lib/procfs/maps.ts";
import { readStat } from "../../../lib/procfs/process.ts";
import type { NameNote } from "../../../lib/symbol/name_notes.ts";
import type { SymbolizedFrame } from "../../../lib/symbol/symbolized_frame.ts";
import type { FoundPythons } from "../python/find_pythons.ts";
import { BadModules } from "../child/bad_modules.ts";
import { type HelperLimits, HelperProcess } from "../child/helper_process.ts";
import {
  type Answer,
  type CapturedProcess,
  formatAddresses,
  type FrameRequest,
  readAnswer,
  type Request,
  unpackFrames,
} from "./protocol.ts";

/** Addresses in one request, so that each stays far below the deadline. */
const batchAddresses = 4096;
const maxStarts = 2;
/** After so many children died of lines, a task has none any more. */
const maxLineDeaths = 2;
/** Debug files fetched for one task. */
const maxFetched = 64;
/** It starts in 0.3 s, and names what is new in 0.5 s; with a tenth of a core, or emulated, that takes 20 times as long. */
const defaultStartMs = 60_000;
const defaultDeadlineMs = 15_000;
const defaultMemoryLimitBytes = 256 * 1024 * 1024;

/** One run of the naming child. */
type NamingProcess = HelperProcess<Request, Answer>;

/** A frame with the name that was found for it; all of its text is attacker's input. */
export interface NamedFrame extends SymbolizedFrame {
  /** Where a function begins, of which `source` says the line that it is at; absent when that is the same, or not known. */
  readonly startLine?: number;
}

/** How to start a resolver. */
export interface NameResolverOptions {
  /** Program and arguments of the naming child; a heap limit belongs in here. */
  readonly command: readonly string[];
  /** The task's targets. */
  readonly pids: readonly number[];
  readonly logger: Logger;
  /** Longest time for the child to start; 30 s when not given. */
  readonly startMs?: number;
  /** Longest time for one request to the child; 15 s when not given. */
  readonly deadlineMs?: number;
  /** Most resident memory of the child; 256 MiB when not given. */
  readonly memoryLimitBytes?: number;
  /** Where debug files are fetched from; nowhere when not given. */
  readonly debuginfod?: DebugFileFetcher | undefined;
  /** What children died of before, in other tasks too; added to. */
  readonly badModules?: BadModules;
}

/** Gets debug files into a folder. */
export interface DebugFileFetcher {
  readonly folder: string;
  /** Which of these there are, after some seconds at most. */
  fetch(buildIds: readonly string[]): Promise<string[]>;
}

/**
 * Names the frames of one task's targets, with a child process that is started for it and ended with it.
 *
 * The child may die of what it reads. Then it is started once more, without the file it died of; after that every frame
 * comes back without a name, and `problem` says why. What it dies of while it looks for lines costs the lines alone.
 */
export class NameResolver {
  readonly #options: NameResolverOptions;
  readonly #limits: HelperLimits;
  readonly #processes: readonly CapturedProcess[];
  readonly #badModules: BadModules;
  /** Build IDs that were asked for and have come. */
  readonly #fetched = new Set<string>();
  #child: NamingProcess | undefined;
  #starts = 0;
  #lineDeaths = 0;
  #problem = "";
  #notes: readonly NameNote[] = [];
  #closed = false;
  #refreshing = false;
  /** Requests wait here for the one before. */
  #queue: Promise<unknown> = Promise.resolve();

  /** `start` is the way to get one: `processes` are the targets as they were before the child. */
  constructor(options: NameResolverOptions, processes: readonly CapturedProcess[]) {
    this.#options = options;
    this.#processes = processes;
    this.#badModules = options.badModules ?? new BadModules();
    this.#limits = {
      startMs: options.startMs ?? defaultStartMs,
      deadlineMs: options.deadlineMs ?? defaultDeadlineMs,
      memoryLimitBytes: options.memoryLimitBytes ?? defaultMemoryLimitBytes,
    };
  }

  /** Takes down the targets' mappings at once, then starts the child; resolves when it holds their files. */
  static async start(options: NameResolverOptions): Promise<NameResolver> {
    const processes = await Promise.all(options.pids.map(async (pid) => ({
      pid,
      startTicks: readStat(pid)?.startTicks ?? 0,
      maps: keepExecutable(await readMapsText(pid)),
    })));
    const resolver = new NameResolver(options, processes);
    await resolver.#enqueue(() => resolver.#ask({ type: "refresh" }));
    return resolver;
  }

  /** Why names are missing, for the task's message; "" when nothing went wrong. */
  get problem(): string {
    return this.#problem;
  }

  /** What is missing of the targets' names and frames, as their runtimes tell; what it says of stacks named so far. */
  get notes(): readonly NameNote[] {
    return this.#notes;
  }

  /**
   * Names frames, leaf first; as many lists as requests, each as long as its addresses but for the inlined functions, which stand
   * before the one they were put into. The first address of a request is where the thread was, all others are return
   * addresses: a user or a kernel stack goes in whole.
   */
  async resolve(requests: readonly FrameRequest[]): Promise<NamedFrame[][]> {
    const named: NamedFrame[][] = [];
    for (const batch of splitBatches(requests)) {
      const stacks = batch.map(({ pid, kind, addresses }) => ({
        pid,
        kind,
        addresses: formatAddresses(addresses),
      }));
      const request = { type: "resolve", stacks } as const;
      let answer = await this.#enqueue(() => this.#askWithLines(request));
      if (answer?.type === "resolved" && await this.#fetch(answer.wanted)) {
        answer = await this.#enqueue(() => this.#askWithLines(request));
      }
      const frames = answer?.type === "resolved" ? unpackFrames(answer) : [];
      if (answer?.type === "resolved") this.#notes = answer.notes;
      batch.forEach((request, position) => {
        const list = frames[position];
        named.push(list !== undefined && isWhole(list, request) ? list : nameNothing(request));
      });
    }
    return named;
  }

  /** Which of the targets run a Python whose frames can be read; none when the child cannot tell. */
  async findPythons(pids: readonly number[]): Promise<FoundPythons> {
    const answer = await this.#enqueue(() => this.#ask({ type: "pythons", pids: [...pids] }));
    return answer?.type === "pythons" ? answer.found : { processes: [], notes: [] };
  }

  /** Lets the child look for new mappings and JIT code; once a second is right. Does nothing while one is under way. */
  async refresh(): Promise<void> {
    if (this.#refreshing || this.#closed) return;
    this.#refreshing = true;
    await this.#enqueue(() => this.#ask({ type: "refresh" }));
    this.#refreshing = false;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#child?.close();
    await this.#queue;
  }

  /** Fetches debug files and tells the child; true when there are new ones. */
  async #fetch(wanted: readonly string[]): Promise<boolean> {
    const { debuginfod } = this.#options;
    const fresh = wanted.filter((buildId) => !this.#fetched.has(buildId))
      .slice(0, maxFetched - this.#fetched.size);
    if (debuginfod === undefined || fresh.length === 0 || this.#closed) return false;
    const buildIds = await debuginfod.fetch(fresh);
    for (const buildId of buildIds) this.#fetched.add(buildId);
    if (buildIds.length === 0) return false;
    return await this.#enqueue(() => this.#ask({ type: "fetched", buildIds })) !== undefined;
  }

  #enqueue<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => {});
    return result;
  }

  /** Asks the child, starting it where there is none; undefined when it cannot be had. */
  async #ask(request: Request): Promise<Answer | undefined> {
    while (!this.#closed) {
      const child = this.#child ?? await this.#startChild();
      if (child === undefined) return undefined;
      const answer = await child.ask(request);
      if (answer !== undefined) return answer;
      await this.#bury(child);
    }
    return undefined;
  }

  /** Names, then lines; a child that dies of lines has given the names already, and is not held against the next. */
  async #askWithLines(request: Request): Promise<Answer | undefined> {
    const names = await this.#ask(request);
    const child = this.#child;
    if (names === undefined || child === undefined || this.#closed || this.#lineDeaths >= maxLineDeaths) {
      return names;
    }
    const lines = await child.ask({ type: "lines" });
    if (lines !== undefined) return lines;
    this.#lineDeaths++;
    this.#starts--;
    await this.#bury(child);
    return names;
  }

  async #startChild(): Promise<NamingProcess | undefined> {
    while (this.#starts < maxStarts && !this.#closed) {
      this.#starts++;
      let child: NamingProcess;
      try {
        child = new HelperProcess<Request, Answer>(this.#options.command, this.#limits, readAnswer);
      } catch (error) {
        this.#report(`it cannot be started: ${(error as Error).message}`);
        continue;
      }
      this.#child = child;
      const answer = await child.ask({
        type: "capture",
        processes: [...this.#processes],
        skip: this.#badModules.list(),
        debugFolder: this.#options.debuginfod?.folder ?? "",
      });
      if (answer !== undefined) return child;
      await this.#bury(child);
    }
    return undefined;
  }

  async #bury(child: NamingProcess): Promise<void> {
    this.#child = undefined;
    if (!this.#closed) this.#report(child.failure);
    if (child.module !== "") this.#badModules.add(child.module);
    await child.close();
  }

  #report(reason: string): void {
    const outcome = this.#starts < maxStarts ? "started anew" : "given up, frames have no names";
    this.#problem = `Naming child failed: ${reason} (${outcome})`;
    this.#options.logger.warn("Naming child failed", { reason, outcome });
  }
}

function splitBatches(requests: readonly FrameRequest[]): FrameRequest[][] {
  const batches: FrameRequest[][] = [];
  let room = 0;
  for (const request of requests) {
    if (room < request.addresses.length || batches.length === 0) {
      batches.push([]);
      room = batchAddresses;
    }
    batches.at(-1)!.push(request);
    room -= request.addresses.length;
  }
  return batches;
}

/** One frame that was not inlined for each address, in their order. */
function isWhole(frames: readonly NamedFrame[], { addresses }: FrameRequest): boolean {
  return frames.filter(({ inlined }) => !inlined).length === addresses.length && !frames.at(-1)?.inlined;
}

function nameNothing({ kind, addresses }: FrameRequest): NamedFrame[] {
  return Array.from(addresses, (address) => ({ kind, function: "", module: "", address }));
}
