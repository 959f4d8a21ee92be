import { bootNs } from "../../../lib/sys/kernel_clock.ts";
import { readPendingSessions } from "../tls/pending_sessions.ts";
import type { FollowedProcess } from "./followed_process.ts";
import type { HttpPrograms } from "./http_programs.ts";
import { type PendingRequest, PendingRequests } from "./pending_requests.ts";

/** Of a turn of the event loop, beside what one process may still take. */
const turnBudgetMs = 5;

/** Reads the requests in flight of many processes: as much as goes into one turn of the event loop, the rest in later ones. */
export class PendingReader {
  readonly #programs: HttpPrograms;
  readonly #requests: PendingRequests;
  #reading: Generator<void, void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(programs: HttpPrograms) {
    this.#programs = programs;
    this.#requests = new PendingRequests(programs);
  }

  /** Begins to read those of these processes; a reading under way goes on instead. */
  begin(processes: readonly FollowedProcess[]): void {
    if (this.#reading !== undefined) return;
    this.#reading = this.#readAll(processes);
    this.#goOn();
  }

  /** Why the requests in flight of a process that a rule judges are not read, undefined when they are. */
  refusal(pid: number): string | undefined {
    return this.#requests.refusal(pid);
  }

  /** Frees what was kept for a process. */
  forget(pid: number): void {
    this.#requests.forget(pid);
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#reading?.return();
    this.#reading = undefined;
    await this.#requests.close();
  }

  #goOn(): void {
    if (this.#reading?.next().done === false) this.#timer = setTimeout(() => this.#goOn(), 0);
    else this.#reading = undefined;
  }

  *#readAll(processes: readonly FollowedProcess[]): Generator<void, void> {
    const readAt = new Map<FollowedProcess, number>();
    const found = new Map<number, PendingRequest[]>();
    let turnMs = performance.now();
    this.#requests.beginTurn();
    for (const process of processes) {
      if (performance.now() - turnMs >= turnBudgetMs) {
        yield;
        this.#requests.beginTurn();
        turnMs = performance.now();
      }
      if (process.left) continue;
      const atBootNs = bootNs();
      const requests = yield* this.#requests.read(process.live.process.pid, process.http.judgesPending);
      if (requests === undefined) continue;
      readAt.set(process, atBootNs);
      // A child that is younger may hold what its parent began to handle.
      for (const [number, list] of requests) found.set(number, [...found.get(number) ?? [], ...list]);
    }
    this.#readSessions(processes, found);
    for (const [process, atBootNs] of readAt) {
      process.pending = { requests: found.get(process.http.number) ?? [], atBootNs };
    }
  }

  #readSessions(processes: readonly FollowedProcess[], found: Map<number, PendingRequest[]>): void {
    const { tls, generation } = this.#programs;
    const tgids = new Set(processes.filter((process) => process.tls).map(({ live }) => live.row.tgid));
    if (tls === undefined || tgids.size === 0) return;
    for (const { number, request } of readPendingSessions(tls.sessions, tgids, generation)) {
      found.set(number, [...found.get(number) ?? [], request]);
    }
  }
}
