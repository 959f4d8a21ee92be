import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import type { Clock } from "../../lib/clock.ts";
import { ProfileKind, TaskSchema, TaskState } from "../gen/stakeout/v1/task_pb.ts";
import type { TaskService } from "../gen/stakeout/v1/task_service_pb.ts";
import type { AgentDirectory } from "./agent_directory.ts";
import type { CommandDesk } from "./command_desk.ts";
import type { NetworkReader } from "./network/network_reader.ts";
import type { PolicyBook } from "./policy_book.ts";
import type { ProfileReader } from "./profile/profile_reader.ts";
import { startTasks } from "./start_tasks.ts";
import type { Store } from "./store/store.ts";
import { readPageLimit } from "./wire.ts";

const edgesPerQuery = 64;

export interface TaskServiceOptions {
  readonly store: Store;
  readonly agents: AgentDirectory;
  readonly desk: CommandDesk;
  readonly book: PolicyBook;
  readonly profiles: ProfileReader;
  readonly networks: NetworkReader;
  readonly clock: Clock;
}

/** Tasks and their profiles. */
export function createTaskService(options: TaskServiceOptions): ServiceImpl<typeof TaskService> {
  const { store, agents, desk, book, profiles, networks, clock } = options;

  async function readTask(id: string) {
    const stored = await store.getTask(id);
    if (stored === undefined) {
      throw new ConnectError("No such task; it may be older than what is kept", Code.NotFound);
    }
    return { ...stored, task: fromBinary(TaskSchema, stored.data) };
  }

  async function readProfiledTask(
    { taskId, fromSecond, toSecond }: { taskId: string; fromSecond: number; toSecond: number },
    kind: ProfileKind,
  ) {
    if (toSecond !== 0 && fromSecond >= toSecond) {
      throw new ConnectError("Range is empty; let it end after it begins", Code.InvalidArgument);
    }
    const stored = await readTask(taskId);
    if (!stored.kinds.includes(kind)) {
      throw new ConnectError("The task has no such profile yet; ask again in a few seconds", Code.NotFound);
    }
    return stored;
  }

  return {
    async listTasks({ fromUnixMs, toUnixMs, limit, ...filter }) {
      const { tasks, total } = await store.listTasks({
        search: filter.search,
        policy: filter.policy,
        service: filter.service,
        metric: filter.metric,
        processId: filter.processId,
        states: filter.states,
        fromMs: Number(fromUnixMs),
        // Tasks of hosts whose clocks are a little ahead belong to "until now".
        toMs: toUnixMs === 0n ? clock.nowUnixMs() + 3_600_000 : Number(toUnixMs),
        offset: filter.offset,
        limit: readPageLimit(limit),
      });
      return { tasks: tasks.map((data) => fromBinary(TaskSchema, data)), total };
    },

    async getTask({ id }) {
      const { task, kinds, profileBytes } = await readTask(id);
      const policyExists = book.get(task.policy) !== undefined;
      return { task, kinds, profileBytes: BigInt(profileBytes), policyExists };
    },

    async getProfile({ taskId, kind, fromSecond, toSecond }) {
      if (kind === ProfileKind.NETWORK) {
        throw new ConnectError(
          "A network profile has no stacks; use GetNetworkProfile",
          Code.InvalidArgument,
        );
      }
      const { task } = await readProfiledTask({ taskId, fromSecond, toSecond }, kind);
      return { profile: await profiles.readProfile(task, { kind, fromSecond, toSecond }) };
    },

    async getNetworkProfile({ taskId, fromSecond, toSecond, edges }) {
      if (edges.length > edgesPerQuery) {
        throw new ConnectError(`Too many edges; ask for at most ${edgesPerQuery}`, Code.InvalidArgument);
      }
      const { task, agentId } = await readProfiledTask({ taskId, fromSecond, toSecond }, ProfileKind.NETWORK);
      return { profile: await networks.readProfile(task, agentId, { fromSecond, toSecond, edges }) };
    },

    async stopTask({ id }) {
      const { agentId, task } = await readTask(id);
      if (task.state !== TaskState.RUNNING) {
        throw new ConnectError("The task is over already", Code.FailedPrecondition);
      }
      const sent = agents.stream(agentId)?.send({ case: "stopTask", value: { taskId: id } }) ?? false;
      if (!sent) {
        throw new ConnectError(
          "The task's agent is not connected; the task ends by itself in time",
          Code.Unavailable,
        );
      }
      return {};
    },

    async startTask(request, { signal }) {
      return { tasks: await startTasks(request, { store, desk, signal }) };
    },

    async extendTask({ id, seconds }) {
      if (seconds < 1 || seconds > 3_600) {
        throw new ConnectError("Give 1 to 3,600 seconds more", Code.InvalidArgument);
      }
      const { agentId, task } = await readTask(id);
      if (task.state !== TaskState.RUNNING) {
        throw new ConnectError("The task is over already; start another", Code.FailedPrecondition);
      }
      const { refused } = await desk.ask(agentId, (commandId) => ({
        case: "extendTask",
        value: { commandId, taskId: id, seconds },
      }));
      if (refused !== "") throw new ConnectError(refused, Code.FailedPrecondition);
      return {};
    },
  };
}
