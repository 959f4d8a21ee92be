import { ProfileKind, TaskState } from "../../gen/stakeout/v1/task_pb.ts";
import type { StartTask } from "../../gen/stakeout/v1/agent_service_pb.ts";
import type { Clock } from "../../../lib/clock.ts";
import type { Logger } from "../../../lib/log.ts";
import type { AgentDirectory } from "../agent_directory.ts";
import type { AgentCommand, AgentStream } from "../agent_stream.ts";
import type { ChangeFeed } from "../change_feed.ts";
import type { CommandDesk } from "../command_desk.ts";
import { findNetworkTask } from "./network_coverage.ts";
import type { RoverAgent } from "./rover_agent.ts";
import type { RoverTask } from "./rover_task.ts";
import { makeTask, mostTasks, networkRuns } from "./task_admission.ts";

export interface RoverCommandsOptions {
  readonly agents: AgentDirectory;
  readonly desk: CommandDesk;
  readonly feed: ChangeFeed;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** As with our own agents. */
const longestSeconds = 3_600;
const idleMs = 30_000;

/**
 * Stands in for the open stream that agents of ours have: takes what users ask of an agent of SkyWalking and lays it ready
 * for the agent's next question, and has policies put into its terms when they change.
 */
export class RoverCommands {
  readonly #options: RoverCommandsOptions;
  readonly #streams = new Map<RoverAgent, AgentStream>();

  constructor(options: RoverCommandsOptions) {
    this.#options = options;
  }

  /** Counts the agent as connected from now on. */
  follow(agent: RoverAgent): void {
    if (this.#streams.has(agent)) return;
    const stream = this.#options.agents.openStream(agent.info);
    this.#streams.set(agent, stream);
    this.#options.feed.publish("agents");
    void this.#run(agent, stream);
  }

  /** Counts it as away. */
  leave(agent: RoverAgent): void {
    this.#streams.get(agent)?.end();
  }

  async #run(agent: RoverAgent, stream: AgentStream): Promise<void> {
    const { agents, feed, logger, signal } = this.#options;
    while (true) {
      const event = await stream.next(idleMs, signal);
      if (event.kind === "end") break;
      try {
        if (event.kind === "policies") {
          agent.express();
          await agent.report([agent.statusBody()]);
        } else if (event.kind === "command") {
          await this.#obey(agent, event.command);
        }
      } catch (error) {
        logger.error("Cannot store what concerns an agent of SkyWalking", {
          agent: agent.info.agentId,
          reason: error,
        });
      }
    }
    this.#streams.delete(agent);
    agents.closeStream(agent.info.agentId, stream);
    feed.publish("agents");
  }

  async #obey(agent: RoverAgent, command: AgentCommand): Promise<void> {
    const { desk, clock } = this.#options;
    const { agentId } = agent.info;
    switch (command.case) {
      case "startTask": {
        const wish = command.value as StartTask;
        const answer = await startTask(agent, wish, clock.nowUnixMs());
        return desk.answer(agentId, wish.commandId, { taskId: "", refused: "", ...answer });
      }
      case "extendTask": {
        const { commandId = "", taskId = "", seconds = 0 } = command.value;
        const found = agent.tasks.get(taskId);
        const refused = extendTask(found, seconds, clock.nowUnixMs());
        if (found !== undefined && refused === "") await agent.report([found.body()]);
        return desk.answer(agentId, commandId, { taskId: "", refused });
      }
      case "stopTask": {
        const found = agent.tasks.get(command.value.taskId ?? "");
        if (found?.task.state !== TaskState.RUNNING) return;
        const message = "SkyWalking's agent goes on until the task's time is over; what it sends is left out";
        found.end(TaskState.STOPPED, clock.nowUnixMs(), message);
        return await agent.report(found.endBodies());
      }
    }
  }
}

/** Lets a task run longer; why it cannot, `""` when it does. */
function extendTask(found: RoverTask | undefined, seconds: number, nowMs: number): string {
  if (found?.task.state !== TaskState.RUNNING) return "The task does not run any more";
  const { task } = found;
  if (task.policy !== "" || task.kinds.some((kind) => kind !== ProfileKind.NETWORK)) {
    return "SkyWalking's agent extends only network profiles that somebody asked for; start another";
  }
  if (task.durationSeconds + seconds > longestSeconds) {
    return `A task runs for ${longestSeconds} s at most; this one has ${task.durationSeconds}`;
  }
  found.extend(seconds, nowMs);
  return "";
}

async function startTask(
  agent: RoverAgent,
  { processIds, kinds, durationSeconds }: StartTask,
  nowMs: number,
): Promise<{ taskId: string } | { refused: string }> {
  const processes = processIds.map((id) => agent.processes.get(id)).filter((process) =>
    process !== undefined
  );
  if (processes.length < processIds.length) return { refused: "A process does not run any more" };
  if (kinds.includes(ProfileKind.NETWORK)) {
    const [first] = processes;
    if (
      processes.some(({ service, instance }) => service !== first?.service || instance !== first.instance)
    ) {
      return { refused: "SkyWalking's agent takes the network of one instance; these are of two" };
    }
    if (processes.some((process) => findNetworkTask(agent, process) !== undefined)) {
      return { refused: networkRuns };
    }
  }
  if (kinds.includes(ProfileKind.ON_CPU) && processes.some(({ canProfile }) => !canProfile)) {
    return { refused: "SkyWalking's agent says that it cannot take on-CPU profiles of this process" };
  }
  if (agent.runningTasks.length >= mostTasks) {
    return { refused: `${mostTasks} tasks run on this host already` };
  }
  const task = makeTask(agent, processes, { kinds: [...kinds], durationSeconds, nowMs, askedAtMs: nowMs });
  agent.tasks.set(task.task.id, task);
  await agent.report([task.body(), agent.statusBody()]);
  return { taskId: task.task.id };
}
