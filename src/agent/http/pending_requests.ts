import { BpfError } from "../../../lib/bpf/error.ts";
import { BpfIterator } from "../../../lib/bpf/iterator.ts";
import { attachToProcess, type Link } from "../../../lib/bpf/link.ts";
import { layouts } from "../../gen/records.ts";
import type { HttpPrograms } from "./http_programs.ts";
import { maxUriMatches } from "./uri_trie.ts";

/** A request that has not been answered. */
export interface PendingRequest {
  readonly startBootNs: number;
  /** 0 server, 1 client. */
  readonly role: number;
  /** Indexes of the counters of the URI filters that it matches. */
  readonly counters: readonly number[];
}

/** What was in flight at one moment. */
export interface PendingReading {
  readonly requests: readonly PendingRequest[];
  readonly atBootNs: number;
}

const { size, offsets } = layouts.http_pending_event;
/** Most records of one reading. */
const room = 4096;
/** Visited in one turn of the event loop: 1 to 3 ms. */
const filesOfTurn = 1024;

/** A reading that took long is not repeated before so many times that: 2 % of a core. */
const restFactor = 50;

/** Most processes whose requests in flight are read: each holds an fd. */
export const maxPendingProcesses = 256;

interface OpenProcess {
  readonly link: Link;
  readonly iterator: BpfIterator;
  notBeforeMs: number;
  judged: boolean;
}

/**
 * Reads which requests are in flight in a process.
 *
 * Source: an iterator over the process's open files, so that what was closed is not listed; 1 to 3 µs a file.
 * Limits: 4,096 requests a reading, 256 processes, those that a rule judges before others; one with many open files is read in
 * turns of 1,024 files, and not every second.
 */
export class PendingRequests {
  readonly #programs: HttpPrograms;
  readonly #links = new Map<number, OpenProcess>();
  readonly #refused = new Map<number, string>();

  constructor(programs: HttpPrograms) {
    this.#programs = programs;
  }

  /** Lets readings go on for a turn of the event loop; they yield when it is used up. */
  beginTurn(): void {
    this.#programs.setPendingFiles(filesOfTurn);
  }

  /**
   * Returns the requests in flight on the sockets of a process, by the number of the process that began to handle them; yields
   * where other work has to go first. Undefined when they were not read: it has ended, there are too many processes, or a
   * costly reading is not to be repeated yet. One reading at a time.
   *
   * @param judged Whether a rule judges them: {@linkcode PendingRequests.refusal} then says why they are not read.
   */
  *read(pid: number, judged: boolean): Generator<void, Map<number, PendingRequest[]> | undefined> {
    const open = this.#open(pid, judged);
    let turnMs = performance.now();
    if (open === undefined || turnMs < open.notBeforeMs) return undefined;
    open.judged = judged;
    this.#programs.setPendingRoom(room);
    const found = new Map<number, PendingRequest[]>();
    let usedMs = 0;
    const reading = open.iterator.readInTurns();
    try {
      let step = reading.next();
      for (; !step.done; step = reading.next()) {
        usedMs += performance.now() - turnMs;
        yield;
        this.beginTurn();
        turnMs = performance.now();
      }
      collect(step.value, found);
    } catch (error) {
      // No fd is left to read it by; the next second may have one.
      if (!(error instanceof BpfError)) throw error;
      return undefined;
    } finally {
      // Of one that is given up in between, the fd.
      reading.return(new Uint8Array());
    }
    usedMs += performance.now() - turnMs;
    open.notBeforeMs = performance.now() + (restFactor - 1) * usedMs - 1000;
    return found;
  }

  /** Why the requests in flight of a judged process are not read, undefined when they are. */
  refusal(pid: number): string | undefined {
    return this.#refused.get(pid);
  }

  /** Frees what was kept for a process. */
  forget(pid: number): void {
    this.#refused.delete(pid);
    const open = this.#links.get(pid);
    this.#links.delete(pid);
    void open?.link.close();
  }

  async close(): Promise<void> {
    const open = [...this.#links.values()];
    this.#links.clear();
    for (const { link } of open) await link.close();
  }

  #open(pid: number, judged: boolean): OpenProcess | undefined {
    const known = this.#links.get(pid);
    if (known !== undefined) return known;
    if (this.#links.size >= maxPendingProcesses) {
      const other = judged ? [...this.#links].find(([, open]) => !open.judged) : undefined;
      if (other === undefined) {
        if (judged) this.#refused.set(pid, tooManyProcesses);
        return undefined;
      }
      this.forget(other[0]);
    }
    this.#refused.delete(pid);
    try {
      const link = attachToProcess(this.#programs.pendingProgram, pid);
      const open = { link, iterator: new BpfIterator(link), notBeforeMs: 0, judged };
      this.#links.set(pid, open);
      return open;
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      if (judged) this.#refused.set(pid, `requests in flight cannot be read: ${error.message}`);
      return undefined;
    }
  }
}

const tooManyProcesses =
  `requests in flight are read of ${maxPendingProcesses} processes on this host already; let fewer processes match`;

/** Adds the requests that an iterator wrote. */
function collect(records: Uint8Array<ArrayBuffer>, found: Map<number, PendingRequest[]>): void {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  const seen = new Set<number>();
  for (let at = 0; at + size <= records.length; at += size) {
    const startBootNs = Number(view.getBigUint64(at + offsets.start_boot_ns, true));
    // One socket under several fds.
    if (seen.has(startBootNs)) continue;
    seen.add(startBootNs);
    const number = view.getUint32(at + offsets.number, true);
    const role = view.getUint32(at + offsets.role, true);
    const list = found.get(number);
    const request = { startBootNs, role, counters: readCounters(view, at) };
    if (list === undefined) found.set(number, [request]);
    else list.push(request);
  }
}

const noCounters: readonly number[] = [];

function readCounters(view: DataView, at: number): readonly number[] {
  if (view.getUint16(at + offsets.counters, true) === 0) return noCounters;
  const counters: number[] = [];
  for (let match = 0; match < maxUriMatches; match++) {
    const index = view.getUint16(at + offsets.counters + 2 * match, true);
    if (index !== 0) counters.push(index);
  }
  return counters;
}
