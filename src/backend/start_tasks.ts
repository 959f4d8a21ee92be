import { Code, ConnectError } from "@connectrpc/connect";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { ProfileKind } from "../gen/stakeout/v1/task_pb.ts";
import type { StartedTaskSchema, StartTaskRequest } from "../gen/stakeout/v1/task_service_pb.ts";
import { policyDefaults } from "../model/policy.ts";
import type { CommandDesk } from "./command_desk.ts";
import { delay } from "./delay.ts";
import type { Store, StoredProcess } from "./store/store.ts";

const mostProcesses = 2;
const longestSeconds = 3_600;
const highestHz = 999;
const longestMinimumNs = 10_000_000_000n;
/** Hosts that are asked at once for one service. */
const mostHosts = 100;
const servicePage = 1_000;
const storedMs = 3_000;
const pollMs = 100;

type StartedTask = MessageInitShape<typeof StartedTaskSchema>;

/** Asks the agents of a process, of two, or of a service to profile now. @throws {ConnectError} For the caller. */
export async function startTasks(
  request: StartTaskRequest,
  { store, desk, signal }: { store: Store; desk: CommandDesk; signal: AbortSignal },
): Promise<StartedTask[]> {
  checkRequest(request);
  const hosts = request.service === ""
    ? await findHost(request.processIds, store)
    : await findHosts(request.service, store);
  const { kinds, durationSeconds, frequencyHz, offCpuMinimumNs } = request;
  return await Promise.all(hosts.map(async ({ agentId, host, processIds }) => {
    try {
      const outcome = await desk.ask(agentId, (commandId) => ({
        case: "startTask",
        value: {
          ...{ commandId, processIds, kinds, durationSeconds },
          frequencyHz: frequencyHz || policyDefaults.onCpu.frequencyHz,
          offCpuMinimumNs: offCpuMinimumNs ?? BigInt(policyDefaults.offCpu.minimumNs),
        },
      }));
      if (outcome.taskId !== "") await untilStored(outcome.taskId, store, signal);
      return { host, processIds, ...outcome };
    } catch (error) {
      return { host, processIds, taskId: "", refused: ConnectError.from(error).rawMessage };
    }
  }));
}

/** The agent's report of a task comes within a second of its answer: who asked can look at it then. */
async function untilStored(taskId: string, store: Store, signal: AbortSignal): Promise<void> {
  for (let waitedMs = 0; waitedMs < storedMs; waitedMs += pollMs) {
    if (await store.getTask(taskId) !== undefined) return;
    await delay(pollMs, signal);
  }
}

interface HostTargets {
  readonly agentId: string;
  readonly host: string;
  readonly processIds: string[];
}

function checkRequest(request: StartTaskRequest): void {
  const { processIds, service, kinds, durationSeconds, frequencyHz, offCpuMinimumNs = 0n } = request;
  need((processIds.length > 0) !== (service !== ""), "Give processes or a service");
  need(new Set(processIds).size === processIds.length, "A process is given twice");
  need(processIds.length <= mostProcesses, `A task takes at most ${mostProcesses} processes`);
  need(kinds.length > 0 && new Set(kinds).size === kinds.length, "Give each kind of profile once");
  need(
    kinds.every((kind) => kind !== ProfileKind.UNSPECIFIED && kind in ProfileKind),
    "Unknown kind of profile",
  );
  need(
    durationSeconds >= 1 && durationSeconds <= longestSeconds,
    `Duration is not 1 to ${longestSeconds} seconds`,
  );
  need(frequencyHz <= highestHz, `Frequency is over ${highestHz} Hz`);
  need(offCpuMinimumNs <= longestMinimumNs, "Shortest wait is over 10 s");
}

function need(holds: boolean, message: string): void {
  if (!holds) throw new ConnectError(message, Code.InvalidArgument);
}

async function findHost(ids: readonly string[], store: Store): Promise<HostTargets[]> {
  const query = { ids, order: "cpu", offset: 0, limit: ids.length, includeEnded: false } as const;
  const { rows } = await store.listProcesses(query);
  if (rows.length < ids.length) {
    throw new ConnectError("A process does not run any more; look for it anew", Code.NotFound);
  }
  const hosts = byHost(rows);
  need(hosts.length === 1, "The processes are on different hosts; start a task for each");
  return hosts;
}

async function findHosts(service: string, store: Store): Promise<HostTargets[]> {
  const query = { service, order: "cpu", offset: 0, limit: servicePage, includeEnded: false } as const;
  const { rows } = await store.listProcesses(query);
  const hosts = byHost(rows);
  if (hosts.length === 0) throw new ConnectError("No process of this service runs", Code.NotFound);
  need(hosts.length <= mostHosts, `The service runs on more than ${mostHosts} hosts; start tasks by process`);
  return hosts;
}

/** The first two processes of each host. */
function byHost(rows: readonly StoredProcess[]): HostTargets[] {
  const hosts = new Map<string, HostTargets>();
  for (const { id, agentId, host } of rows) {
    const known = hosts.get(agentId);
    if (known === undefined) hosts.set(agentId, { agentId, host, processIds: [id] });
    else if (known.processIds.length < mostProcesses) known.processIds.push(id);
  }
  return [...hosts.values()];
}
