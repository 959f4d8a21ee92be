import {
  type NetworkEdge,
  type NetworkFarEnd,
  type NetworkProcess,
  type NetworkProfile,
  NetworkProtocol,
  NetworkRole,
} from "../../gen/stakeout/v1/network_pb.ts";
import { formatPeer } from "../../model/network_address.ts";
import { addTraffic, noTraffic, type TrafficSum } from "./traffic_sum.ts";

/** Where a node stands: who calls, who was profiled, who is called. */
export type Side = "client" | "process" | "server";

/** A process of the instance, or somebody it talks to. */
export interface GraphNode {
  readonly key: string;
  readonly side: Side;
  readonly title: string;
  /** Smaller, below the title. */
  readonly detail: string;
  /** Of this host's inventory; empty where no process is known. */
  readonly processId: string;
  /** Bytes and requests, for the order of rows. */
  weight: number;
  /** Of both sides. */
  readonly sum: TrafficSum;
  /** Of a process of the instance: what it serves, and what it calls. */
  readonly served: TrafficSum;
  readonly called: TrafficSum;
}

/** All traffic between a process of the instance and one peer on one port. */
export interface GraphLink {
  readonly key: string;
  readonly process: string;
  /** Of one of the other sides; another process of the instance where both ends are its own. */
  readonly peer: string;
  /** The peer's part. */
  readonly side: Exclude<Side, "process">;
  /** False: nobody knows who of the two called; it is drawn among those that are called. */
  readonly isDirected: boolean;
  /** `tcp :8080`, `udp :53`, `unix`. */
  readonly channel: string;
  /** At least one of its connections began with TLS. */
  tls: boolean;
  readonly edges: number[];
  readonly sum: TrafficSum;
  readonly far: NetworkFarEnd[];
}

/** Who talks to whom. */
export interface NetworkGraph {
  readonly nodes: ReadonlyMap<string, GraphNode>;
  readonly links: readonly GraphLink[];
  /** Covered processes where nothing passed. */
  readonly quiet: readonly NetworkProcess[];
  /** That rates are by; at least 1. */
  readonly seconds: number;
}

/** A request weighs as much as so many bytes in the order of rows. */
const requestBytes = 1_000;

/** Makes nodes and lines of a profile's edges. */
export function buildGraph(profile: NetworkProfile): NetworkGraph {
  const processes = new Map(profile.processes.map((process) => [process.processId, process]));
  const totals = new Map(profile.totals.map((row) => [row.edge, row]));
  const far = new Map(profile.farEnds.flatMap((end) => end.edges.map((edge) => [edge, end] as const)));
  const nodes = new Map<string, GraphNode>();
  const links = new Map<string, GraphLink>();
  const clientsOf = listInnerClients(profile.edges, processes);
  for (const edge of profile.edges) {
    const row = totals.get(edge.edge);
    if (row === undefined || isTwin(edge, clientsOf)) continue;
    const side = edge.role === NetworkRole.SERVER ? "client" : "server";
    const process = addProcess(nodes, edge.processId, processes.get(edge.processId));
    const own = processes.get(edge.peerProcessId);
    const peer = own?.covered === true && edge.peerProcessId !== edge.processId
      ? addProcess(nodes, edge.peerProcessId, own)
      : addPeer(nodes, edge, side, { process: own, far: far.get(edge.edge) });
    const key = [process.key, peer.key, side, channelOf(edge)].join(" ");
    const link: GraphLink = links.get(key) ?? {
      ...{ key, process: process.key, peer: peer.key, side, channel: channelOf(edge) },
      isDirected: edge.role !== NetworkRole.UNSPECIFIED,
      ...{ tls: false, edges: [], sum: noTraffic(), far: [] },
    };
    links.set(key, link);
    link.tls ||= edge.tls;
    link.edges.push(edge.edge);
    const end = far.get(edge.edge);
    if (end !== undefined && !link.far.includes(end)) link.far.push(end);
    const part = side === "client" ? process.served : process.called;
    for (const sum of [link.sum, process.sum, part, peer.sum]) addTraffic(sum, row);
  }
  for (const node of nodes.values()) node.weight = weigh(node.sum);
  const quiet = profile.processes.filter(({ covered, processId }) => covered && !nodes.has(`p ${processId}`));
  return { nodes, links: [...links.values()], quiet, seconds: Math.max(1, profile.observedSeconds) };
}

/** Bytes, and requests as if they were bytes. */
export function weigh({ receivedBytes, sentBytes, http, dns, connects }: TrafficSum): number {
  return receivedBytes + sentBytes + (http.requests + dns.requests + connects) * requestBytes;
}

/** What a line is, for people: `TCP :443 with TLS`. */
export function channelWords({ channel, tls }: Pick<GraphLink, "channel" | "tls">): string {
  return [channel, tls ? "with TLS" : ""].filter(Boolean).join(" ");
}

/** The line's ends in the order of who called: `nginx (812)`, `→`, `10.0.0.7:5432`. */
export function linkEnds(
  { process, peer, side, isDirected }: GraphLink,
  nodes: ReadonlyMap<string, GraphNode>,
): { from: GraphNode | undefined; arrow: "→" | "↔"; to: GraphNode | undefined } {
  const [own, other] = [nodes.get(process), nodes.get(peer)];
  const arrow = isDirected ? "→" : "↔";
  return side === "client" ? { from: other, arrow, to: own } : { from: own, arrow, to: other };
}

function addProcess(
  nodes: Map<string, GraphNode>,
  processId: string,
  process: NetworkProcess | undefined,
): GraphNode {
  const key = `p ${processId}`;
  const known = nodes.get(key);
  if (known !== undefined) return known;
  const title = process === undefined ? "unknown process" : `${process.name} (${process.pid})`;
  const node: GraphNode = {
    ...{ key, side: "process", title, detail: process?.service ?? "", processId, weight: 0 },
    ...noSums(),
  };
  nodes.set(key, node);
  return node;
}

function addPeer(
  nodes: Map<string, GraphNode>,
  edge: NetworkEdge,
  side: Exclude<Side, "process">,
  known: { process: NetworkProcess | undefined; far: NetworkFarEnd | undefined },
): GraphNode {
  const address = formatPeer({ ...edge, isServer: edge.role === NetworkRole.SERVER });
  // Clients' own ports are not kept apart; servers are, by theirs.
  const who = edge.peerProcessId === "" ? address : edge.peerProcessId;
  const key = [side, who, side === "server" ? channelOf(edge) : ""].join(" ");
  const node = nodes.get(key);
  if (node !== undefined) return node;
  const made: GraphNode = {
    ...{ key, side, processId: edge.peerProcessId, weight: 0, ...noSums() },
    ...namePeer(edge, address, known),
  };
  nodes.set(key, made);
  return made;
}

function noSums(): Pick<GraphNode, "sum" | "served" | "called"> {
  return { sum: noTraffic(), served: noTraffic(), called: noTraffic() };
}

function namePeer(
  edge: NetworkEdge,
  address: string,
  { process, far }: { process: NetworkProcess | undefined; far: NetworkFarEnd | undefined },
): { title: string; detail: string } {
  const protocol = edge.protocol === NetworkProtocol.TCP || edge.merged ? "" : `${protocolName(edge)} `;
  if (process !== undefined) {
    const service = process.service === process.name ? "" : process.service;
    return {
      title: `${process.name} (${process.pid})`,
      detail: [service, `${protocol}${address}`].filter(Boolean).join(", "),
    };
  }
  const [other] = far?.processes ?? [];
  if (far !== undefined && other !== undefined) {
    const more = far.processes.length > 1 ? ` and ${far.processes.length - 1} more` : "";
    return { title: `${other.name} (${other.pid})${more}`, detail: `${far.host}, ${protocol}${address}` };
  }
  if (edge.merged) return { title: "all others", detail: "peers that found no place of their own" };
  const isUnnamed = address === "(unknown)";
  return {
    title: isUnnamed && edge.protocol === NetworkProtocol.UNIX ? "connected socket" : address,
    detail: protocolName(edge),
  };
}

function protocolName({ protocol }: NetworkEdge): string {
  switch (protocol) {
    case NetworkProtocol.TCP:
      return "TCP";
    case NetworkProtocol.UDP:
      return "UDP";
    case NetworkProtocol.UNIX:
      return "Unix socket";
    default:
      return "";
  }
}

function channelOf(edge: NetworkEdge): string {
  if (edge.merged) return "";
  return edge.serverPort === 0 ? protocolName(edge) : `${protocolName(edge)} :${edge.serverPort}`;
}

/** `client port` of the connections that one covered process has with another. */
function listInnerClients(
  edges: readonly NetworkEdge[],
  processes: ReadonlyMap<string, NetworkProcess>,
): ReadonlySet<string> {
  return new Set(
    edges.filter(({ role, peerProcessId }) =>
      role === NetworkRole.CLIENT && processes.get(peerProcessId)?.covered === true
    ).map(({ processId, protocol, serverPort }) => `${processId} ${protocol} ${serverPort}`),
  );
}

/** The server's end of what the client's end tells already. */
function isTwin({ role, peerProcessId, protocol, serverPort }: NetworkEdge, clients: ReadonlySet<string>) {
  return role === NetworkRole.SERVER && clients.has(`${peerProcessId} ${protocol} ${serverPort}`);
}
