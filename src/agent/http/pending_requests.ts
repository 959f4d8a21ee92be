import { BpfError } from "../../../lib/bpf/error.ts";
import { BpfIterator } from "../../../lib/bpf/iterator.ts";
import { attachToProcess, type Link } from "../../../lib/bpf/link.ts";
import { decodeHttpPendingEvent, layouts } from "../../gen/records.ts";
import type { HttpPrograms } from "./http_programs.ts";

/** A request that has not been answered. */
export interface PendingRequest {
  readonly startBootNs: number;
  /** 0 server, 1 client. */
  readonly role: number;
  /** Indexes of the counters of the URI filters that it matches. */
  readonly counters: readonly number[];
}

const { size, offsets } = layouts.http_pending_event;
const matches = 8;
/** Most records of one reading. */
const room = 32_768;

/** Most processes whose requests in flight are read: each holds an fd. */
export const maxPendingProcesses = 256;

/**
 * Reads which requests are in flight in a process.
 *
 * Source: an iterator over the process's open files, so that what was closed is not listed. 0.1 µs a file.
 * Limits: 32,768 requests a reading, 256 processes.
 */
export class PendingRequests {
  readonly #programs: HttpPrograms;
  readonly #links = new Map<number, { link: Link; iterator: BpfIterator }>();

  constructor(programs: HttpPrograms) {
    this.#programs = programs;
  }

  /**
   * Returns the requests in flight on the sockets of a process, by the number of the process that began to handle them;
   * undefined beyond the limit of processes. None once it has ended.
   */
  read(pid: number): Map<number, PendingRequest[]> | undefined {
    const found = new Map<number, PendingRequest[]>();
    const iterator = this.#open(pid);
    if (iterator === undefined) return this.#links.size >= maxPendingProcesses ? undefined : found;
    this.#programs.setPendingRoom(room);
    const records = iterator.read();
    const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
    const seen = new Set<number>();
    for (let at = 0; at + size <= records.length; at += size) {
      const { startBootNs, number, role } = decodeHttpPendingEvent(view, at);
      // One socket under several fds.
      if (seen.has(startBootNs)) continue;
      seen.add(startBootNs);
      const counters: number[] = [];
      for (let match = 0; match < matches; match++) {
        const index = view.getUint16(at + offsets.counters + 2 * match, true);
        if (index !== 0) counters.push(index);
      }
      const list = found.get(number) ?? [];
      list.push({ startBootNs, role, counters });
      found.set(number, list);
    }
    return found;
  }

  /** Frees what was kept for a process. */
  forget(pid: number): void {
    const open = this.#links.get(pid);
    this.#links.delete(pid);
    void open?.link.close();
  }

  async close(): Promise<void> {
    const open = [...this.#links.values()];
    this.#links.clear();
    for (const { link } of open) await link.close();
  }

  #open(pid: number): BpfIterator | undefined {
    const open = this.#links.get(pid);
    if (open !== undefined) return open.iterator;
    if (this.#links.size >= maxPendingProcesses) return undefined;
    try {
      const link = attachToProcess(this.#programs.pendingProgram, pid);
      const iterator = new BpfIterator(link);
      this.#links.set(pid, { link, iterator });
      return iterator;
    } catch (error) {
      if (error instanceof BpfError) return undefined;
      throw error;
    }
  }
}
