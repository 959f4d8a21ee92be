import { create } from "@bufbuild/protobuf";
import {
  type NetworkPath,
  NetworkPathSchema,
  type NetworkPathTraffic,
  NetworkPathTrafficSchema,
  type NetworkTraffic,
  NetworkTrafficSchema,
} from "../../gen/stakeout/v1/network_pb.ts";
import { layouts } from "../../gen/records.ts";
import { CounterCursor } from "../http/counter_cursor.ts";
import { EdgeCursor } from "./edge_cursor.ts";
import type { NetworkSession } from "./network_session.ts";
import { toRequests } from "./requests_message.ts";
import { SlowThreshold } from "./slow_threshold.ts";

const pathEvent = layouts.network_path_event;
const decoder = new TextDecoder();

interface OpenEdge {
  readonly cursor: EdgeCursor;
  http?: CounterCursor;
  dns?: CounterCursor;
  slow?: SlowThreshold;
}

/** What passed in one second. */
export interface SecondTraffic {
  readonly traffic: NetworkTraffic[];
  readonly pathTraffic: NetworkPathTraffic[];
  /** Messages of all edges. */
  readonly messages: number;
}

/** Reads all counts of a session once a second, and keeps what it takes to tell slow requests. */
export class TrafficReader {
  readonly #session: NetworkSession;
  readonly #edges = new Map<number, OpenEdge>();
  /** By index of their counters. */
  readonly #paths = new Map<number, { readonly message: NetworkPath; readonly cursor: CounterCursor }>();
  readonly #bytesByEdge = new Map<number, number>();

  constructor(session: NetworkSession) {
    this.#session = session;
  }

  /** Text of the path that has these counters, `""` when it is not known. */
  pathText(counters: number): string {
    return this.#paths.get(counters)?.message.path ?? "";
  }

  /** All paths that are known. */
  *paths(): Generator<NetworkPath> {
    for (const { message } of this.#paths.values()) yield message;
  }

  /** Bytes each way together since the start, by edge. */
  get bytesByEdge(): ReadonlyMap<number, number> {
    return this.#bytesByEdge;
  }

  /** Takes a struct network_path_event: a path that has counters from now on. */
  takePath(view: DataView<ArrayBuffer>, at: number): NetworkPath {
    const { offsets } = pathEvent;
    const counters = view.getUint32(at + offsets.counters, true);
    const bytes = new Uint8Array(
      view.buffer,
      view.byteOffset + at + offsets.text,
      pathEvent.size - offsets.text,
    );
    const message = create(NetworkPathSchema, {
      pathNumber: counters,
      edge: view.getUint32(at + offsets.edge, true),
      path: readPath(bytes, view.getUint32(at + offsets.cut, true) !== 0),
    });
    const cursor = new CounterCursor(this.#session.counters, counters, { fresh: true });
    this.#paths.set(counters, { message, cursor });
    return message;
  }

  /** Reads what was added since the last call, of the edges that `learn` says it knows. */
  read(second: number, learn: (edge: number) => boolean): SecondTraffic {
    const traffic: NetworkTraffic[] = [];
    let messages = 0;
    for (let edge = 1; edge <= this.#session.edgeCount; edge++) {
      const row = learn(edge) ? this.#readEdge(edge, second) : undefined;
      if (row === undefined) continue;
      traffic.push(row);
      messages += Number(row.receivedMessages + row.sentMessages);
      const bytes = Number(row.receivedBytes + row.sentBytes);
      this.#bytesByEdge.set(edge, (this.#bytesByEdge.get(edge) ?? 0) + bytes);
    }
    const pathTraffic: NetworkPathTraffic[] = [];
    for (const [pathNumber, { cursor }] of this.#paths) {
      const interval = cursor.read();
      if (interval === undefined) continue;
      const http = toRequests(interval);
      pathTraffic.push(create(NetworkPathTrafficSchema, { pathNumber, second, http }));
    }
    return { traffic, pathTraffic, messages };
  }

  #readEdge(edge: number, second: number): NetworkTraffic | undefined {
    let open = this.#edges.get(edge);
    if (open === undefined) {
      open = { cursor: new EdgeCursor(this.#session.edges, edge) };
      this.#edges.set(edge, open);
    }
    const { cursor } = open;
    if (cursor.http !== 0) open.http ??= this.#openCounters(cursor.http);
    if (cursor.dns !== 0) open.dns ??= this.#openCounters(cursor.dns);
    const counts = cursor.read();
    const http = open.http?.read();
    const dns = open.dns?.read();
    if (counts === undefined && http === undefined && dns === undefined) return undefined;
    if (http !== undefined) {
      open.slow ??= new SlowThreshold();
      const slowNs = open.slow.add(http);
      if (slowNs !== undefined) cursor.setSlow(slowNs);
    }
    return create(NetworkTrafficSchema, {
      ...counts ?? { edge },
      second,
      ...(http === undefined ? {} : { http: toRequests(http) }),
      ...(dns === undefined ? {} : { dns: toRequests(dns) }),
    });
  }

  #openCounters(index: number): CounterCursor {
    return new CounterCursor(this.#session.counters, index, { fresh: true });
  }
}

/**
 * The kernel cut the query and what follows. Of a whole URL, as proxies get, the path alone is kept: there may be a password in
 * front of the host.
 */
function readPath(bytes: Uint8Array<ArrayBuffer>, cut: boolean): string {
  const end = bytes.indexOf(0);
  const target = decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
  return target.replace(/^https?:\/\/[^/]*/i, "") + (cut ? "…" : "");
}
