import { create } from "@bufbuild/protobuf";
import {
  type NetworkEdge,
  NetworkEdgeSchema,
  type NetworkProcess,
  NetworkProcessSchema,
  NetworkProtocol,
  NetworkRole,
} from "../../gen/stakeout/v1/network_pb.ts";
import { formatPeer } from "../../model/network_address.ts";
import { type Said, takeUnsaid } from "../../model/said.ts";
import type { LiveProcess } from "../discovery.ts";
import { type EdgeIdentity, readEdgeIdentity, readEdgeTls } from "./edge_identity.ts";
import type { Listener } from "./network_session.ts";

/** Every so many chunks all is said again, for whom one of them did not reach. */
const repeatEvery = 12;

/** A process is known a second after its start, at the latest. */
const patienceSeconds = 2;

interface KnownEdge extends Said<NetworkEdge> {
  readonly identity: EdgeIdentity;
}

export interface EdgeBookOptions {
  readonly edges: ArrayBuffer;
  /** Who is covered under a number. */
  readonly covered: (number: number) => LiveProcess | undefined;
  /** Who has this id in the host's pid namespace. */
  readonly byTgid: (tgid: number) => LiveProcess | undefined;
}

/**
 * Knows who is at the ends of all edges, and what of it has still to be said. The kernel keeps clients on this host apart by
 * their process; those that were gone before anybody knew them are one edge here.
 */
export class EdgeBook {
  readonly #options: EdgeBookOptions;
  /** By number on the wire. */
  readonly #edges = new Map<number, KnownEdge>();
  readonly #numbers = new Map<string, number>();
  readonly #numberOfKernel = new Map<number, number>();
  readonly #processes = new Map<string, Said<NetworkProcess>>();
  readonly #unknownSince = new Map<number, number>();
  #chunks = 0;
  #second = 0;

  constructor(options: EdgeBookOptions) {
    this.#options = options;
  }

  /** Says that another second is read, or the last one: then nothing is waited for. */
  nextSecond(last: boolean): void {
    this.#second = last ? Infinity : this.#second + 1;
  }

  /**
   * Number on the wire of an edge of the kernel; 0 while it is still being made, and for two seconds while its peer is a process of
   * this host that nobody knows yet: what is counted meanwhile is read later.
   */
  number(kernelEdge: number): number {
    const known = this.#numberOfKernel.get(kernelEdge);
    if (known !== undefined) return known;
    const identity = readEdgeIdentity(this.#options.edges, kernelEdge);
    if (identity === undefined) return 0;
    const peer = identity.peerTgid === 0 ? undefined : this.#options.byTgid(identity.peerTgid);
    if (identity.peerTgid !== 0 && peer === undefined) {
      const sinceSecond = this.#unknownSince.get(kernelEdge) ?? this.#second;
      this.#unknownSince.set(kernelEdge, sinceSecond);
      if (this.#second - sinceSecond < patienceSeconds) return 0;
    }
    this.#unknownSince.delete(kernelEdge);
    const key = JSON.stringify([
      ...[identity.number, identity.protocol, identity.role, identity.serverPort, identity.networkNamespace],
      ...[...identity.localAddress, "", ...identity.remoteAddress],
      ...[identity.unixPath, identity.merged, peer?.process.id ?? ""],
    ]);
    const number = this.#numbers.get(key) ?? this.#add(key, identity);
    this.#numberOfKernel.set(kernelEdge, number);
    if (peer !== undefined) this.#setPeer(number, peer);
    return number;
  }

  /** True when an edge leads to a process of this host that is not known. */
  get wantsListeners(): boolean {
    return [...this.#edges.values()].some(isUnresolved);
  }

  /** Names the servers on this host that edges lead to. */
  resolve(listeners: readonly Listener[]): void {
    for (const [edge, known] of this.#edges) {
      if (!isUnresolved(known)) continue;
      const { networkNamespace, serverPort } = known.identity;
      // Of several that share a port, as workers do, the first is who opened it.
      const server = listeners.find((one) =>
        one.port === serverPort && one.networkNamespace === networkNamespace
      );
      const peer = server === undefined ? undefined : this.#options.byTgid(server.tgid);
      if (peer !== undefined) this.#setPeer(edge, peer);
    }
  }

  /** The other end of an edge, for people. */
  describe(edge: number): string {
    const known = this.#edges.get(edge);
    if (known === undefined) return "";
    return formatPeer({ ...known.identity, isServer: known.identity.role === NetworkRole.SERVER });
  }

  /** Names a covered process, with or without traffic. */
  learnCovered(live: LiveProcess): void {
    this.#learnProcess(live, true);
  }

  /** Returns what is new or changed since the last chunk; now and then all of it. */
  takeUnsaid(): { processes: NetworkProcess[]; edges: NetworkEdge[] } {
    if (this.#chunks++ % repeatEvery === 0) {
      for (const known of [...this.#edges.values(), ...this.#processes.values()]) known.said = false;
    }
    this.#learnTls();
    return { processes: takeUnsaid(this.#processes.values()), edges: takeUnsaid(this.#edges.values()) };
  }

  #add(key: string, identity: EdgeIdentity): number {
    const edge = this.#edges.size + 1;
    const owner = this.#options.covered(identity.number);
    const { number: _number, peerTgid: _peerTgid, ...rest } = identity;
    const message = create(NetworkEdgeSchema, { edge, processId: owner?.process.id ?? "", ...rest });
    this.#numbers.set(key, edge);
    this.#edges.set(edge, { identity, message, said: false });
    return edge;
  }

  /** Any edge may become one of TLS, and is the same edge then. */
  #learnTls(): void {
    for (const [kernelEdge, edge] of this.#numberOfKernel) {
      const known = this.#edges.get(edge)!;
      if (known.message.tls || !readEdgeTls(this.#options.edges, kernelEdge)) continue;
      known.message.tls = true;
      known.said = false;
    }
  }

  #setPeer(edge: number, peer: LiveProcess): void {
    const known = this.#edges.get(edge);
    if (known === undefined || known.message.peerProcessId === peer.process.id) return;
    this.#learnProcess(peer, false);
    known.message.peerProcessId = peer.process.id;
    known.said = false;
  }

  #learnProcess({ process }: LiveProcess, covered: boolean): void {
    const known = this.#processes.get(process.id);
    if (known !== undefined && (known.message.covered || !covered)) return;
    const { id, pid, name, service, instance } = process;
    const message = create(NetworkProcessSchema, { processId: id, pid, name, service, instance, covered });
    this.#processes.set(id, { message, said: false });
  }
}

/** A client of a server on the same host whose process is not known yet. */
function isUnresolved({ identity, message }: KnownEdge): boolean {
  return identity.protocol === NetworkProtocol.TCP && identity.role === NetworkRole.CLIENT &&
    message.peerProcessId === "" && isLocal(identity);
}

/** A connection to an address of one's own comes from it. */
function isLocal({ localAddress: local, remoteAddress: remote }: EdgeIdentity): boolean {
  if (remote.length === 4 && remote[0] === 127) return true;
  return local.length === remote.length && local.length > 0 &&
    local.every((byte, index) => byte === remote[index]);
}
