import { create } from "@bufbuild/protobuf";
import {
  type MeterDataCollection,
  MeterDataCollectionSchema,
  MeterDataSchema,
} from "../../gen/skywalking/v3/meter_pb.ts";
import {
  type NetworkChunk,
  type NetworkEdge,
  NetworkProtocol,
  type NetworkRequests,
  NetworkRole,
  type NetworkTraffic,
} from "../../gen/stakeout/v1/network_pb.ts";
import type { Entity } from "./entity.ts";
import { HttpMeters, type Label, type Metric } from "./network_http_meters.ts";
import { findPeer, type NetworkOwners } from "./network_peer.ts";

/** What was moved within a chunk. */
type Sums =
  & {
    -readonly [Field in "sentMessages" | "receivedMessages" | "sentBytes" | "receivedBytes" | "connectSumNs"]:
      bigint;
  }
  & {
    rttSamples: number;
    rttSumUs: bigint;
    connects: number;
    failed: number;
    closed: number;
    retransmits: number;
    http: HttpMeters | undefined;
  };

/** Edges that are one to an OAP: it has the same labels for them. */
interface Relation {
  readonly entity: Entity;
  readonly side: "client" | "server";
  readonly labels: readonly Label[];
  /** False: encrypted, or of peers without an edge of their own, so that not all of its bytes are requests and responses. */
  readonly isPlain: boolean;
  sum: Sums;
}

/** About 100 KB. An OAP that gets a stream again after it broke keeps its meters twice, so that messages are small. */
const relationsOfCollection = 16;

/**
 * Turns the chunks of one network profile into SkyWalking's meters of connections and of HTTP, from which an OAP draws its
 * topology of processes: counts and bytes of a chunk, and mean times.
 *
 * Shape: one meter of a name and its labels a chunk. An OAP adds up what has the same two processes within one collection,
 * means as well, and all addresses that it has no name for are one process to it: they go in collections of their own.
 * Not told, because it is not measured: how long reads and writes took, and packets dropped. Edges are by peer, so that a
 * client's address is without its port; one is `is_ssl` from the chunk on in which a connection of it began with TLS.
 */
export class NetworkMeters {
  readonly #edges = new Map<number, NetworkEdge>();
  readonly #http = new Set<number>();

  /** Takes the next chunk. */
  add(chunk: NetworkChunk, owners: NetworkOwners): MeterDataCollection[] {
    for (const edge of chunk.edges) this.#edges.set(edge.edge, edge);
    const timestamp = chunk.startUnixMs + BigInt(chunk.seconds * 1000);
    return spread(this.#sum(chunk, owners)).map((relations) => {
      const meterData = relations.flatMap((relation) => {
        const { service, instance: serviceInstance } = relation.entity;
        return [...listMetrics(relation)].map((metric) =>
          create(MeterDataSchema, { metric, service, serviceInstance, timestamp })
        );
      });
      return create(MeterDataCollectionSchema, { meterData });
    }).filter(({ meterData }) => meterData.length > 0);
  }

  #sum(chunk: NetworkChunk, owners: NetworkOwners): Relation[] {
    const relations = new Map<string, Relation>();
    for (const [number, rows] of Map.groupBy(chunk.traffic, ({ edge }) => edge)) {
      const edge = this.#edges.get(number);
      const entity = edge === undefined ? undefined : owners.entityOf(edge.processId);
      if (edge === undefined || entity === undefined) continue;
      if (rows.some(({ http }) => (http?.requests ?? 0n) > 0n)) this.#http.add(number);
      const side = edge.role === NetworkRole.SERVER ? "server" : "client";
      const labels = this.#labelsOf(edge, entity, side, owners);
      const key = JSON.stringify(labels);
      const relation = relations.get(key) ??
        { entity, side, labels, isPlain: !edge.tls && !edge.merged, sum: noTraffic() };
      relations.set(key, relation);
      for (const row of rows) relation.sum = addTraffic(relation.sum, row);
    }
    return [...relations.values()];
  }

  #labelsOf(edge: NetworkEdge, entity: Entity, side: "client" | "server", owners: NetworkOwners): Label[] {
    const protocol = this.#http.has(edge.edge)
      ? "http"
      : edge.protocol === NetworkProtocol.UDP
      ? "udp"
      : "tcp";
    return [
      { name: `${side}_process_id`, value: owners.idOf(entity) },
      peerLabel(edge, entity, side === "client" ? "server" : "client", owners),
      { name: "side", value: side },
      { name: "protocol", value: protocol },
      { name: "is_ssl", value: String(edge.tls) },
    ];
  }
}

/** Puts relations of one service instance together, but none with another that may be the same one to an OAP. */
function spread(relations: readonly Relation[]): Relation[][] {
  const before = new Map<string, number>();
  const groups = Map.groupBy(relations, ({ entity: { service, instance }, labels }) => {
    const [own, peer, , protocol, isSsl] = labels;
    const who = peer!.name.endsWith("_address") ? "" : peer!.value;
    const alike = JSON.stringify([own, peer!.name, who, protocol!.value === "http", isSsl!.value]);
    const place = before.get(alike) ?? 0;
    before.set(alike, place + 1);
    return JSON.stringify([service, instance, place]);
  });
  return [...groups.values()].flatMap((group) =>
    Array.from(
      { length: Math.ceil(group.length / relationsOfCollection) },
      (_, index) => group.slice(index * relationsOfCollection, (index + 1) * relationsOfCollection),
    )
  );
}

function* listMetrics({ side, labels, isPlain, sum }: Relation): Generator<Metric> {
  for (const [name, value] of valuesOf(sum)) {
    yield {
      case: "singleValue",
      value: { name: `rover_net_p_${side}_${name}_counter`, labels: [...labels], value },
    };
  }
  const bytes = isPlain ? { received: sum.receivedBytes, sent: sum.sentBytes } : undefined;
  yield* sum.http?.list({ side, labels, bytes }) ?? [];
}

function peerLabel(edge: NetworkEdge, entity: Entity, other: string, owners: NetworkOwners): Label {
  const peer = findPeer(edge, entity, other === "client", owners);
  if (peer === "local") return { name: `${other}_local`, value: "true" };
  return "processId" in peer
    ? { name: `${other}_process_id`, value: peer.processId }
    : { name: `${other}_address`, value: peer.address };
}

function noTraffic(): Sums {
  return {
    ...{
      sentMessages: 0n,
      receivedMessages: 0n,
      sentBytes: 0n,
      receivedBytes: 0n,
      connectSumNs: 0n,
      rttSumUs: 0n,
    },
    ...{ rttSamples: 0, connects: 0, failed: 0, closed: 0, retransmits: 0, http: undefined },
  };
}

function addTraffic(sum: Sums, row: NetworkTraffic): Sums {
  return {
    sentMessages: sum.sentMessages + row.sentMessages,
    receivedMessages: sum.receivedMessages + row.receivedMessages,
    sentBytes: sum.sentBytes + row.sentBytes,
    receivedBytes: sum.receivedBytes + row.receivedBytes,
    connectSumNs: sum.connectSumNs + row.connectSumNs,
    rttSumUs: sum.rttSumUs + row.rttSumUs,
    rttSamples: sum.rttSamples + row.rttSamples,
    connects: sum.connects + row.connects,
    failed: sum.failed + row.connectsRefused + row.connectsTimedOut + row.connectsFailed,
    closed: sum.closed + row.closedByLocal + row.closedByRemote + row.closedByReset + row.closedByTimeout,
    retransmits: sum.retransmits + row.retransmits,
    http: addHttp(sum.http, row.http),
  };
}

function addHttp(sum: HttpMeters | undefined, requests: NetworkRequests | undefined): HttpMeters | undefined {
  if (requests === undefined) return sum;
  const into = sum ?? new HttpMeters();
  into.add(requests);
  return into;
}

/** What is not 0, by the middle of its meter's name: counts and bytes are sums, times means, of round trips in µs. */
function valuesOf(sum: Sums): [string, number][] {
  const connected = sum.connects - sum.failed;
  const values: [string, number][] = [
    ["write_counts", Number(sum.sentMessages)],
    ["write_bytes", Number(sum.sentBytes)],
    ["read_counts", Number(sum.receivedMessages)],
    ["read_bytes", Number(sum.receivedBytes)],
    ["write_rtt_counts", sum.rttSamples],
    ["write_rtt_exe_time", sum.rttSamples === 0 ? 0 : Number(sum.rttSumUs) / sum.rttSamples],
    ["connect_counts", sum.connects],
    ["connect_exe_time", connected <= 0 ? 0 : Number(sum.connectSumNs) / connected],
    ["close_counts", sum.closed],
    ["retransmit_counts", sum.retransmits],
  ];
  return values.filter(([, value]) => value > 0);
}
