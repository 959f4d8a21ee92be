import { type NetworkEdge, NetworkProtocol, NetworkRole } from "../../gen/stakeout/v1/network_pb.ts";
import { formatAddress } from "../../model/network_address.ts";

/** Which connections an edge is an end of: equal at both ends. */
export interface TrafficPair {
  readonly key: string;
  readonly isServer: boolean;
}

/**
 * What the two ends of the same traffic have in common: between hosts the two addresses and the server's port, on one host the
 * client's process and that port, because there all addresses are alike. Undefined where it cannot be told.
 */
export function trafficPair(edge: NetworkEdge, agentId: string): TrafficPair | undefined {
  const { protocol, role, serverPort, merged, processId, peerProcessId } = edge;
  const isServer = role === NetworkRole.SERVER;
  const isStream = protocol === NetworkProtocol.TCP || protocol === NetworkProtocol.UDP;
  if (merged || !isStream || serverPort === 0 || (!isServer && role !== NetworkRole.CLIENT)) return undefined;
  const local = formatAddress(edge.localAddress);
  const remote = formatAddress(edge.remoteAddress);
  const isOneHost = peerProcessId !== "" || isLoopback(remote) || (local === remote && local !== "");
  if (isOneHost) {
    const client = isServer ? peerProcessId : processId;
    if (client === "") return undefined;
    return { key: ["host", agentId, client, protocol, serverPort].join(" "), isServer };
  }
  if (local === "" || remote === "") return undefined;
  const ends = isServer ? [remote, local] : [local, remote];
  return { key: ["net", ...ends, protocol, serverPort].join(" "), isServer };
}

function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}
