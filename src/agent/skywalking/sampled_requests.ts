import {
  type NetworkChunk,
  type NetworkEdge,
  NetworkRole,
  type NetworkSample,
} from "../../gen/stakeout/v1/network_pb.ts";
import type { Entity } from "./entity.ts";
import { findPeer, type NetworkOwners, type NetworkPeer } from "./network_peer.ts";
import type { SamplingRule, SamplingRules } from "./sampling_rules.ts";

/** What an OAP files samples by. */
export type SampledReason = "slow" | "status_4xx" | "status_5xx";

/** A request that is to be told, and whose it is. */
export interface SampledRequest {
  readonly sample: NetworkSample;
  readonly rule: SamplingRule;
  readonly reason: SampledReason;
  /** From the request's first byte to the response's last, whole milliseconds, rounded down. */
  readonly latencyMs: number;
  /** Of the process that sent or received it. */
  readonly entity: Entity;
  /** The OAP's id of that process. */
  readonly processId: string;
  readonly isServer: boolean;
  readonly peer: NetworkPeer;
  readonly tls: boolean;
}

/** Of an edge and reason, in one chunk; as in SkyWalking's agent, which sends more often. */
const mostOfReason = 10;

/**
 * Chooses what an OAP is told of the samples of one network profile: requests with a trace id that a rule wants, the 10 slowest
 * of each reason, edge and chunk. One without a path is left out, as an OAP takes none.
 */
export class SampledRequests {
  readonly #edges = new Map<number, NetworkEdge>();

  /** To be called with every chunk: it learns edges as well. */
  add(chunk: NetworkChunk, rules: SamplingRules, owners: NetworkOwners): SampledRequest[] {
    for (const edge of chunk.edges) this.#edges.set(edge.edge, edge);
    const groups = new Map<string, SampledRequest[]>();
    for (const sample of chunk.samples) {
      const request = this.#judge(sample, rules, owners);
      if (request === undefined) continue;
      const key = `${sample.edge} ${request.reason}`;
      const group = groups.get(key) ?? [];
      groups.set(key, group);
      group.push(request);
    }
    return [...groups.values()].flatMap((group) =>
      group.sort((one, other) => other.latencyMs - one.latencyMs).slice(0, mostOfReason)
    );
  }

  #judge(sample: NetworkSample, rules: SamplingRules, owners: NetworkOwners): SampledRequest | undefined {
    if (sample.traceId === "" || sample.path === "") return undefined;
    const rule = rules.find(sample.path);
    const edge = this.#edges.get(sample.edge);
    const entity = edge === undefined ? undefined : owners.entityOf(edge.processId);
    if (rule === undefined || edge === undefined || entity === undefined) return undefined;
    const latencyMs = Math.floor(Number(sample.requestNs + sample.waitNs + sample.responseNs) / 1e6);
    if (latencyMs < rule.minimumMs) return undefined;
    const isServer = edge.role === NetworkRole.SERVER;
    return {
      ...{ sample, rule, reason: reasonOf(sample.status, rule), latencyMs, entity, isServer, tls: edge.tls },
      processId: owners.idOf(entity),
      peer: findPeer(edge, entity, isServer, owners),
    };
  }
}

/** What the rule does not ask for is filed as slow: it took as long as it asks for. */
function reasonOf(status: number, { when4xx, when5xx }: SamplingRule): SampledReason {
  if (when5xx && status >= 500 && status < 600) return "status_5xx";
  if (when4xx && status >= 400 && status < 500) return "status_4xx";
  return "slow";
}
