import type { NetworkEdge } from "../../gen/stakeout/v1/network_pb.ts";
import { formatAddress, formatPeer } from "../../model/network_address.ts";
import type { Entity } from "./entity.ts";

/** Who the ends of an edge are to an OAP. */
export interface NetworkOwners {
  /** Undefined for a process that has gone, or is not reported. */
  entityOf(processId: string): Entity | undefined;
  /** The OAP's id of a process. */
  idOf(entity: Entity): string;
}

/** The other end of an edge: a process by the OAP's id, some other on this host, or an address. */
export type NetworkPeer = { readonly processId: string } | { readonly address: string } | "local";

/**
 * Tells a process of the same instance by its id, any other on this host as local, all else by its address.
 * @param entity Whose edge it is.
 */
export function findPeer(
  edge: NetworkEdge,
  entity: Entity,
  isServer: boolean,
  owners: NetworkOwners,
): NetworkPeer {
  const { peerProcessId, remoteAddress, merged } = edge;
  const peer = peerProcessId === "" ? undefined : owners.entityOf(peerProcessId);
  if (peer !== undefined && peer.service === entity.service && peer.instance === entity.instance) {
    return { processId: owners.idOf(peer) };
  }
  const address = formatAddress(remoteAddress);
  const isLocal = peerProcessId !== "" || address === "" || /^(127\.|::1$)/.test(address);
  if (isLocal && !merged) return "local";
  return { address: formatPeer({ ...edge, isServer }) };
}
