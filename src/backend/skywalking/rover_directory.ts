import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { AgentInfoSchema } from "../../gen/stakeout/v1/agent_service_pb.ts";
import { ProcessSchema } from "../../gen/stakeout/v1/process_pb.ts";
import { type Task, TaskSchema, TaskState } from "../../gen/stakeout/v1/task_pb.ts";
import { roverVersion } from "../../model/skywalking.ts";
import type { Store } from "../store/store.ts";
import { RoverAgent, type RoverAgentOptions } from "./rover_agent.ts";
import { restoreRoverProcess, type RoverNames, type RoverProcess } from "./rover_process.ts";
import { keepSilent } from "./silence.ts";
import { RoverTask } from "./rover_task.ts";

const mostAgents = 4_096;
const processPage = 5_000;
const taskPage = 1_000;
const mostOpenTasks = 50;
/** As long as a policy may ask for. */
const longestSilenceMs = 24 * 3_600_000;

/** Who an agent is, as far as its first report tells. */
export interface RoverIdentity {
  readonly agentId: string;
  readonly host: string;
  /** What the agent calls itself, new at each of its starts. */
  readonly bootId: string;
}

/** Every agent of SkyWalking that reports here. */
export class RoverDirectory {
  readonly agents = new Map<string, RoverAgent>();
  readonly #byBootId = new Map<string, RoverAgent>();
  /** Calls without an agent's id are of the agent that used the same connection before. */
  readonly #bySession = new WeakMap<object, RoverAgent>();
  readonly #options: RoverAgentOptions;

  constructor(options: RoverAgentOptions) {
    this.#options = options;
  }

  /** Takes over what an earlier run of this backend stored: agents do not report everything anew because of a restart. */
  async load(store: Store): Promise<void> {
    const nowMs = this.#options.clock.nowUnixMs();
    for (const { id, info } of await store.listAgents()) {
      const known = fromBinary(AgentInfoSchema, info);
      if (known.version !== roverVersion || this.agents.size >= mostAgents) continue;
      const agent = new RoverAgent(known, this.#options);
      this.agents.set(id, agent);
      this.#byBootId.set(known.bootId, agent);
      const query = {
        agentId: id,
        order: "cpu",
        offset: 0,
        limit: processPage,
        includeEnded: false,
      } as const;
      for (const { data } of (await store.listProcesses(query)).rows) {
        const process = restoreRoverProcess(id, fromBinary(ProcessSchema, data), nowMs);
        if (process !== undefined) agent.putProcess(process);
      }
    }
    const range = { fromMs: nowMs - longestSilenceMs, toMs: nowMs, offset: 0, limit: taskPage };
    for (const data of (await store.listTasks(range)).tasks) {
      const task = fromBinary(TaskSchema, data);
      const agent = this.agents.get(task.agentId);
      if (agent !== undefined) await this.#restoreTask(agent, task, store);
    }
  }

  async #restoreTask(agent: RoverAgent, task: Task, store: Store): Promise<void> {
    const policy = this.#options.book.get(task.policy)?.policy;
    if (policy !== undefined) keepSilent(agent, task, policy.silenceSeconds);
    if (task.state !== TaskState.RUNNING) return;
    const kinds = (await store.getTask(task.id))?.kinds ?? [];
    agent.tasks.set(task.id, await RoverTask.restore(task, kinds, store));
  }

  /** The agent that calls itself so. */
  find(bootId: string, session: object): RoverAgent | undefined {
    const agent = this.#byBootId.get(bootId);
    if (agent !== undefined) this.#bySession.set(session, agent);
    return agent;
  }

  /** The agent of an identity: a known one that was started anew, or a new one. */
  claim({ agentId, host, bootId }: RoverIdentity, session: object): RoverAgent {
    let agent = this.agents.get(agentId);
    if (agent === undefined) {
      if (this.agents.size >= mostAgents) {
        throw new ConnectError(`${mostAgents} agents report already`, Code.ResourceExhausted);
      }
      const info = { agentId, host, bootId, version: roverVersion };
      agent = new RoverAgent(info, this.#options);
      this.agents.set(agentId, agent);
    } else {
      this.#byBootId.delete(agent.info.bootId);
      agent.restarted(bootId);
    }
    this.#byBootId.set(bootId, agent);
    this.#bySession.set(session, agent);
    return agent;
  }

  /** Agents that a call may be of which tells services only: that of its connection, or those with one of the services. */
  asking(session: object, services: ReadonlySet<string>): RoverAgent[] {
    const agent = this.#bySession.get(session);
    if (agent !== undefined) return [agent];
    return [...this.agents.values()].filter(({ processes }) =>
      [...processes.values()].some(({ service }) => services.has(service))
    );
  }

  /** The process of these names that was reported last, of this connection's agent before others. */
  named(names: RoverNames, session: object): { agent: RoverAgent; process: RoverProcess } | undefined {
    const own = this.#bySession.get(session);
    for (const agent of own === undefined ? this.agents.values() : [own, ...this.agents.values()]) {
      const [process] = agent.named(names);
      if (process !== undefined) return { agent, process };
    }
    return undefined;
  }

  /** The agent that the connection's earlier calls were of. */
  caller(session: object): RoverAgent | undefined {
    return this.#bySession.get(session);
  }

  /** A process by the id that it was given, of this connection's agent before others. */
  process(id: string, session: object): { agent: RoverAgent; process: RoverProcess } | undefined {
    const own = this.#bySession.get(session);
    for (const agent of own === undefined ? this.agents.values() : [own, ...this.agents.values()]) {
      const process = agent.processes.get(id);
      if (process !== undefined) return { agent, process };
    }
    return undefined;
  }

  /**
   * A task that is over: an agent of ours that was away sends late what it took.
   * @throws {ConnectError} when so many get stacks that this one has to wait
   */
  async endedTask(id: string, store: Store): Promise<{ agent: RoverAgent; task: RoverTask } | undefined> {
    const row = await store.getTask(id);
    const agent = row === undefined ? undefined : this.agents.get(row.agentId);
    if (row === undefined || agent === undefined) return undefined;
    if (agent.tasks.size >= mostOpenTasks) {
      throw new ConnectError(`${mostOpenTasks} tasks get stacks already; try again`, Code.ResourceExhausted);
    }
    const restored = await RoverTask.restore(fromBinary(TaskSchema, row.data), row.kinds, store);
    // Another stream may have asked for it meanwhile.
    const task = agent.tasks.get(id) ?? restored;
    agent.tasks.set(id, task);
    return { agent, task };
  }

  /** A task by the id that its agent has of it. */
  task(id: string): { agent: RoverAgent; task: RoverTask } | undefined {
    for (const agent of this.agents.values()) {
      const task = agent.tasks.get(id);
      if (task !== undefined) return { agent, task };
    }
    return undefined;
  }
}
