import { fromBinary } from "@bufbuild/protobuf";
import type { Clock } from "../../lib/clock.ts";
import {
  type AgentInfo,
  AgentInfoSchema,
  type AgentStatus,
  AgentStatusSchema,
} from "../gen/stakeout/v1/agent_service_pb.ts";
import { AgentStream } from "./agent_stream.ts";
import type { StoredAgent } from "./store/store.ts";

const connectedMs = 15_000;

/** What pages show of an agent. */
export interface AgentState {
  readonly agent: AgentInfo;
  readonly connected: boolean;
  readonly lastSeenUnixMs: bigint;
  readonly status?: AgentStatus;
}

interface Agent {
  info: AgentInfo;
  status: AgentStatus | undefined;
  lastSeenMs: number;
  stream: AgentStream | undefined;
  /** Names of policies by process, from the newest status. */
  policies: ReadonlyMap<string, readonly string[]>;
}

/** Every agent known, what it last said of itself, and its open stream. */
export class AgentDirectory {
  readonly #agents = new Map<string, Agent>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes over what is stored, at start. */
  load(agents: readonly StoredAgent[]): void {
    for (const { id, info, status, lastSeenMs } of agents) {
      const agent = this.#need(fromBinary(AgentInfoSchema, info), id);
      agent.lastSeenMs = lastSeenMs;
      if (status !== undefined) this.#setStatus(agent, fromBinary(AgentStatusSchema, status));
    }
  }

  /** Notes that an agent reported; true when it was not connected before. */
  seen(info: AgentInfo, status?: AgentStatus): boolean {
    const wasConnected = this.isConnected(info.agentId);
    const agent = this.#need(info, info.agentId);
    agent.lastSeenMs = this.#clock.nowUnixMs();
    if (status !== undefined) this.#setStatus(agent, status);
    return !wasConnected;
  }

  /** Opens the stream of an agent; an older one of the same agent ends. */
  openStream(info: AgentInfo): AgentStream {
    this.seen(info);
    const agent = this.#need(info, info.agentId);
    agent.stream?.end();
    agent.stream = new AgentStream();
    return agent.stream;
  }

  /** Forgets a stream that ended. */
  closeStream(agentId: string, stream: AgentStream): void {
    const agent = this.#agents.get(agentId);
    if (agent === undefined || agent.stream !== stream) return;
    agent.stream = undefined;
    agent.lastSeenMs = Math.max(agent.lastSeenMs, this.#clock.nowUnixMs());
  }

  /** The open stream of an agent. */
  stream(agentId: string): AgentStream | undefined {
    return this.#agents.get(agentId)?.stream;
  }

  /** Tells every connected agent that the policies changed. */
  policiesChanged(): void {
    for (const { stream } of this.#agents.values()) stream?.policiesChanged();
  }

  /** True with an open stream or a report less than 15 s ago. */
  isConnected(agentId: string): boolean {
    const agent = this.#agents.get(agentId);
    if (agent === undefined) return false;
    return agent.stream !== undefined || this.#clock.nowUnixMs() - agent.lastSeenMs < connectedMs;
  }

  /** All agents by host. */
  list(): AgentState[] {
    return [...this.#agents].map(([id, { info, status, lastSeenMs }]) => {
      const summary = { agent: info, connected: this.isConnected(id), lastSeenUnixMs: BigInt(lastSeenMs) };
      return status === undefined ? summary : { ...summary, status };
    }).sort((left, right) => compareTexts(left.agent.host, right.agent.host));
  }

  /** Names of the policies that match a process now. */
  policiesOf(agentId: string, processId: string): readonly string[] {
    return this.#agents.get(agentId)?.policies.get(processId) ?? [];
  }

  #need(info: AgentInfo, agentId: string): Agent {
    let agent = this.#agents.get(agentId);
    if (agent === undefined) {
      agent = { info, status: undefined, lastSeenMs: 0, stream: undefined, policies: new Map() };
      this.#agents.set(agentId, agent);
    }
    agent.info = info;
    return agent;
  }

  #setStatus(agent: Agent, status: AgentStatus): void {
    agent.status = status;
    const policies = new Map<string, string[]>();
    for (const { policy, processIds } of status.matches) {
      for (const processId of processIds) {
        const names = policies.get(processId);
        if (names === undefined) policies.set(processId, [policy]);
        else names.push(policy);
      }
    }
    agent.policies = policies;
  }
}

function compareTexts(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
