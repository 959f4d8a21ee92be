import { create } from "@bufbuild/protobuf";
import {
  type NetworkChunk,
  type NetworkEdge,
  NetworkEdgeSchema,
  type NetworkProcess,
  NetworkProcessSchema,
  NetworkProtocol,
  NetworkRole,
} from "../../gen/stakeout/v1/network_pb.ts";
import { parseAddress } from "../../model/network_address.ts";
import { type Said, takeUnsaid } from "../../model/said.ts";
import type { MeterEnds } from "./network_meter.ts";
import type { RoverProcess } from "./rover_process.ts";

/** Who the ends of edges are. */
export interface EdgePeople {
  /** A process that the agent reported. */
  find(id: string): RoverProcess | undefined;
  isCovered(process: RoverProcess): boolean;
  /** All that are covered. */
  covered(): readonly RoverProcess[];
}

/** As many as our own agents tell apart. */
const mostEdges = 3_500;
/** Most processes with an edge for all that found no place. */
const mostMerged = 256;
const mostProcesses = 4_000;
/** Every so many chunks all is said again, for whom one of them did not reach: a minute of flushes. */
const repeatEvery = 30;
const loopback = Uint8Array.of(127, 0, 0, 1);

/**
 * Numbers the edges of one network profile, and knows what of them has still to be said. SkyWalking tells each connection of a
 * server by itself; here a client's own port is left out, as with our own agents.
 *
 * Limits: 3,500 edges; peers beyond, and those whose address is none, are one edge of their process on either side.
 */
export class NetworkEdges {
  readonly #edges = new Map<string, Said<NetworkEdge>>();
  readonly #processes = new Map<string, Said<NetworkProcess>>();
  #merged = 0;
  #next = 1;
  #chunks = 0;

  /** The edge of two ends; undefined where not even the process has one for all that found no place. */
  find(ends: MeterEnds, people: EdgePeople): { edge: number; isMerged: boolean } | undefined {
    const peer = ends.peerId === "" ? undefined : people.find(ends.peerId);
    const remote = readRemote(ends, peer);
    const isFull = this.#edges.size - this.#merged >= mostEdges;
    const message = create(NetworkEdgeSchema, {
      processId: ends.processId,
      protocol: ends.isUdp ? NetworkProtocol.UDP : NetworkProtocol.TCP,
      role: ends.isServer ? NetworkRole.SERVER : NetworkRole.CLIENT,
      ...remote === undefined ? { merged: true } : remote,
    });
    let known = this.#edges.get(keyOf(message));
    if (known === undefined && isFull && !message.merged) {
      Object.assign(message, mergedEnd);
      known = this.#edges.get(keyOf(message));
    }
    if (known === undefined) {
      if (message.merged && this.#merged >= mostMerged) return undefined;
      for (const [process, isOwn] of [[people.find(ends.processId), true], [peer, false]] as const) {
        if (process !== undefined) this.learn(process, isOwn || people.isCovered(process));
      }
      message.edge = this.#next;
      known = this.#add(message, false);
    }
    if (ends.isTls && !known.message.tls) {
      known.message.tls = true;
      known.said = false;
    }
    return { edge: known.message.edge, isMerged: known.message.merged };
  }

  /** Names a process, with or without traffic. */
  learn({ id, pid, processName, service, instance }: RoverProcess, covered: boolean): void {
    if (this.#processes.has(id) || this.#processes.size >= mostProcesses) return;
    const message = { processId: id, pid, name: processName, service, instance, covered };
    this.#processes.set(id, { message: create(NetworkProcessSchema, message), said: false });
  }

  /** What is new or changed since the last call; now and then all of it. */
  takeUnsaid(): { processes: NetworkProcess[]; edges: NetworkEdge[] } {
    if (++this.#chunks % repeatEvery === 0) {
      for (const known of [...this.#edges.values(), ...this.#processes.values()]) known.said = false;
    }
    return { processes: takeUnsaid(this.#processes.values()), edges: takeUnsaid(this.#edges.values()) };
  }

  /** Goes on behind a chunk that was stored before this process started. */
  resume({ processes, edges }: NetworkChunk): void {
    for (const message of processes) this.#processes.set(message.processId, { message, said: true });
    for (const message of edges) this.#add(message, true);
  }

  #add(message: NetworkEdge, said: boolean) {
    const key = keyOf(message);
    if (message.merged && !this.#edges.has(key)) this.#merged++;
    this.#next = Math.max(this.#next, message.edge + 1);
    const added = { message, said };
    this.#edges.set(key, added);
    return added;
  }
}

const mergedEnd = { merged: true, remoteAddress: new Uint8Array(), serverPort: 0, peerProcessId: "" };

/**
 * The other end. Of a server nothing but the client's address is told; on the same host, for which SkyWalking has no address,
 * the loopback stands unless it is a process that is known. Undefined when it is no address.
 */
function readRemote({ peerAddress, isServer }: MeterEnds, peer: RoverProcess | undefined) {
  if (peer !== undefined) return { peerProcessId: peer.id };
  if (peerAddress === "") return { remoteAddress: loopback };
  const whole = parseAddress(peerAddress);
  // An IPv6 address comes without brackets: what stands behind its last colon is a port, of which a server's client may
  // come without.
  if (whole !== undefined && (isServer || whole.length === 4)) return { remoteAddress: whole };
  const [, text = "", port = ""] = /^(.*):(\d{1,5})$/.exec(peerAddress) ?? [];
  const remoteAddress = parseAddress(text.replace(/^\[(.*)\]$/, "$1"));
  if (remoteAddress === undefined || Number(port) > 65_535) return undefined;
  return { remoteAddress, serverPort: isServer ? 0 : Number(port) };
}

function keyOf({ processId, protocol, role, remoteAddress, serverPort, peerProcessId, merged }: NetworkEdge) {
  return JSON.stringify([
    processId,
    protocol,
    role,
    remoteAddress.join("."),
    serverPort,
    peerProcessId,
    merged,
  ]);
}
