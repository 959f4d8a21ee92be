import assert from "node:assert/strict";
import { silentLogger } from "../../lib/log.ts";
import type { CounterCursor } from "../../src/agent/http/counter_cursor.ts";
import { HttpPlaces, type PlaceCounts, type Role } from "../../src/agent/http/http_places.ts";
import { type HttpHook, HttpPrograms } from "../../src/agent/http/http_programs.ts";
import { type PendingRequest, PendingRequests } from "../../src/agent/http/pending_requests.ts";
import { TlsMonitor } from "../../src/agent/tls/tls_monitor.ts";
import { UriFilters } from "../../src/agent/http/uri_filters.ts";
import type { UriText } from "../../src/agent/http/uri_trie.ts";
import { repositoryRoot } from "../../scripts/command.ts";
import { waitFor } from "../support/wait.ts";
import { libbpf } from "./harness.ts";

/** Counts of one kind. */
export interface Counted {
  requests: number;
  errors4xx: number;
  errors5xx: number;
  sumNs: number;
  maxNs: number;
}

/** The HTTP programs without the agent: watches processes, which all are counted together. */
export class HttpCounter implements AsyncDisposable {
  readonly programs: HttpPrograms;
  readonly places: HttpPlaces;
  readonly number: number;
  readonly #filters: UriFilters;
  readonly #cursors: CounterCursor[];
  readonly #filterCursors = new Map<string, CounterCursor>();
  readonly #pending: PendingRequests;

  #tls: TlsMonitor | undefined;

  private constructor(programs: HttpPrograms) {
    this.programs = programs;
    this.places = new HttpPlaces(programs);
    this.number = this.places.open()!;
    this.#cursors = (["server", "client"] as const).map((role) =>
      this.places.openCounters(this.number, role)!
    );
    this.#filters = new UriFilters(programs.object.map("uris"));
    this.#pending = new PendingRequests(programs);
  }

  static async start(hook: HttpHook, pids: readonly number[]): Promise<HttpCounter> {
    const program = Deno.readFileSync(`${repositoryRoot}/build/bpf/http.bpf.o`);
    const counter = new HttpCounter(await HttpPrograms.open(libbpf, program, hook));
    for (const pid of pids) counter.programs.watch(pid, counter.number);
    return counter;
  }

  /** Counts requests to these in a role as well, each by its text. */
  filter(role: Role, ...uris: UriText[]): void {
    for (const uri of uris) {
      const filter = this.#filters.open(uri);
      if (typeof filter === "string") throw new Error(filter);
      const cursor = this.places.openFilter(this.number, role, filter)!;
      this.#filterCursors.set(`${uri.kind} ${uri.text}`, cursor);
    }
    this.places.setFiltered(this.number, true);
  }

  /** What was counted in a role since the last call. */
  take(role: Role = "server"): Counted {
    return read(this.#cursors[role === "server" ? 0 : 1]!);
  }

  /**
   * Fails unless so many requests, 4xx and 5xx of the server side were counted since the last call. A client may have its
   * last answer before the server's call returns.
   */
  async expect(expected: readonly [requests: number, errors4xx: number, errors5xx: number]): Promise<void> {
    const sum = [0, 0, 0];
    await waitFor(() => {
      const { requests, errors4xx, errors5xx } = this.take();
      [requests, errors4xx, errors5xx].forEach((count, index) => sum[index]! += count);
      return sum[0]! >= expected[0] ? true : undefined;
    }, 2);
    assert.deepEqual(sum, expected);
  }

  /** What was counted of one URI since the last call. */
  takeUri(kind: UriText["kind"], text: string): Counted {
    return read(this.#filterCursors.get(`${kind} ${text}`)!);
  }

  /** Reads TLS of these processes from now on, by what they have loaded by now. */
  async readTls(pids: readonly number[]): Promise<TlsMonitor> {
    this.#tls ??= new TlsMonitor(this.programs.tls!, silentLogger);
    this.places.setTls(this.number, true);
    for (const pid of pids) {
      this.#tls.follow(`${pid}`, pid);
      if (this.counts().children > 0) this.#tls.readChildren(`${pid}`);
    }
    await this.#tls.settled();
    this.#tls.tick(0);
    await this.#tls.settled();
    return this.#tls;
  }

  counts(): PlaceCounts {
    return this.places.counts(this.number);
  }

  /** Requests in flight on a process's sockets. */
  pending(pid: number): readonly PendingRequest[] {
    return this.timePending(pid).requests;
  }

  /** The same, with how long each turn of the event loop took that it had to be read in. */
  timePending(pid: number): { requests: readonly PendingRequest[]; turnsMs: number[] } {
    const turnsMs: number[] = [];
    this.#pending.beginTurn();
    const reading = this.#pending.read(pid, true);
    for (;;) {
      const startMs = performance.now();
      const { done, value } = reading.next();
      turnsMs.push(performance.now() - startMs);
      if (done) return { requests: value?.get(this.number) ?? [], turnsMs };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tls?.close();
    await this.#pending.close();
    await this.programs.close();
  }
}

function read(cursor: CounterCursor): Counted {
  const { requests = 0, errors4xx = 0, errors5xx = 0, sumNs = 0, maxNs = 0 } = cursor.read() ?? {};
  return { requests, errors4xx, errors5xx, sumNs, maxNs };
}
