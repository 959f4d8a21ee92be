import { create } from "@bufbuild/protobuf";
import {
  type MeterData,
  type MeterDataCollection,
  MeterDataCollectionSchema,
  MeterDataSchema,
} from "../../gen/skywalking/v3/meter_pb.ts";
import {
  type NetworkChunk,
  type NetworkEdge,
  NetworkProtocol,
  NetworkRole,
  type NetworkTraffic,
} from "../../gen/stakeout/v1/network_pb.ts";
import type { Entity } from "./entity.ts";
import { findPeer, type NetworkOwners } from "./network_peer.ts";

type Label = { name: string; value: string };

/** What an edge moved within a chunk. */
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
  };

/**
 * Turns the chunks of one network profile into SkyWalking's meters of connections, from which an OAP draws its topology of
 * processes: counts and bytes of a chunk, and mean times, by edge.
 *
 * Not told, because it is not measured: how long reads and writes took, packets dropped, and whether a connection is
 * encrypted. Edges are by peer, so that a client's address is without its port.
 */
export class NetworkMeters {
  readonly #edges = new Map<number, NetworkEdge>();
  readonly #http = new Set<number>();

  /** Takes the next chunk. */
  add(chunk: NetworkChunk, owners: NetworkOwners): MeterDataCollection[] {
    for (const edge of chunk.edges) this.#edges.set(edge.edge, edge);
    const sums = new Map<number, Sums>();
    for (const row of chunk.traffic) {
      if ((row.http?.requests ?? 0n) > 0n) this.#http.add(row.edge);
      sums.set(row.edge, addTraffic(sums.get(row.edge) ?? noTraffic(), row));
    }
    const timestamp = chunk.startUnixMs + BigInt(chunk.seconds * 1000);
    const collections = new Map<string, MeterData[]>();
    for (const [number, sum] of sums) {
      const edge = this.#edges.get(number);
      const entity = edge === undefined ? undefined : owners.entityOf(edge.processId);
      if (edge === undefined || entity === undefined) continue;
      const { service, instance: serviceInstance } = entity;
      const key = JSON.stringify([service, serviceInstance]);
      const meters = collections.get(key) ?? [];
      collections.set(key, meters);
      const side = edge.role === NetworkRole.SERVER ? "server" : "client";
      const labels = this.#labelsOf(edge, entity, side, owners);
      for (const [name, value] of valuesOf(sum)) {
        meters.push(create(MeterDataSchema, {
          metric: {
            case: "singleValue",
            value: { name: `rover_net_p_${side}_${name}_counter`, labels, value },
          },
          ...{ service, serviceInstance, timestamp },
        }));
      }
    }
    return [...collections.values()].filter((meters) => meters.length > 0).map((meterData) =>
      create(MeterDataCollectionSchema, { meterData })
    );
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
      { name: "is_ssl", value: "false" },
    ];
  }
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
    ...{ rttSamples: 0, connects: 0, failed: 0, closed: 0, retransmits: 0 },
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
  };
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
