import { CounterCursor } from "../http/counter_cursor.ts";
import { addInterval, EdgeCounts } from "./edge_counts.ts";
import { EdgeCursor } from "./edge_cursor.ts";
import type { NetworkSession } from "./network_session.ts";
import { SlowThreshold } from "./slow_threshold.ts";

interface KernelEdge {
  readonly wireEdge: number;
  readonly cursor: EdgeCursor;
  http?: CounterCursor;
  dns?: CounterCursor;
}

/** Reads the counts of all edges of a session once a second, and keeps what it takes to tell slow requests. */
export class TrafficReader {
  readonly #session: NetworkSession;
  readonly #wireEdge: (edge: number) => number;
  readonly #edges = new Map<number, KernelEdge>();
  readonly #slow = new Map<number, SlowThreshold>();

  /**
   * @param wireEdge Number that an edge of the kernel has on the wire, where several may be one; 0 while the kernel is still
   * making it.
   */
  constructor(session: NetworkSession, wireEdge: (edge: number) => number) {
    this.#session = session;
    this.#wireEdge = wireEdge;
  }

  /** Reads what was added since the last call, by number on the wire; an edge where nothing was and nothing is open is left out. */
  read(): Map<number, EdgeCounts> {
    const sums = new Map<number, EdgeCounts>();
    for (let edge = 1; edge <= this.#session.edgeCount; edge++) {
      const kernelEdge = this.#edges.get(edge) ?? this.#open(edge);
      if (kernelEdge !== undefined) this.#addEdge(kernelEdge, sums);
    }
    return sums;
  }

  #open(edge: number): KernelEdge | undefined {
    const wireEdge = this.#wireEdge(edge);
    if (wireEdge === 0) return undefined;
    const opened = { wireEdge, cursor: new EdgeCursor(this.#session.edges, edge) };
    this.#edges.set(edge, opened);
    return opened;
  }

  #addEdge(kernelEdge: KernelEdge, sums: Map<number, EdgeCounts>): void {
    const { wireEdge, cursor } = kernelEdge;
    const sum = sums.get(wireEdge) ?? new EdgeCounts();
    let isActive = cursor.addTo(sum);
    if (cursor.http !== 0) {
      kernelEdge.http ??= this.#openCounters(cursor.http);
      const http = kernelEdge.http.read();
      if (http !== undefined) {
        isActive = true;
        sum.http = addInterval(sum.http, http);
        let slow = this.#slow.get(wireEdge);
        if (slow === undefined) this.#slow.set(wireEdge, slow = new SlowThreshold());
        const slowNs = slow.add(http);
        if (slowNs !== undefined) cursor.setSlow(slowNs);
      }
    }
    if (cursor.dns !== 0) {
      kernelEdge.dns ??= this.#openCounters(cursor.dns);
      const dns = kernelEdge.dns.read();
      if (dns !== undefined) {
        isActive = true;
        sum.dns = addInterval(sum.dns, dns);
      }
    }
    if (isActive) sums.set(wireEdge, sum);
  }

  #openCounters(index: number): CounterCursor {
    return new CounterCursor(this.#session.counters, index, { fresh: true });
  }
}
