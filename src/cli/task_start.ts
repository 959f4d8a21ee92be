import { wireKinds } from "../agent/wire.ts";
import type { ProfileKind } from "../model/policy.ts";
import type { BackendClient } from "./backend_client.ts";
import { CommandError } from "./command_error.ts";
import { printJson, printLine, printNote } from "./output.ts";

/** What `stakeout task start` was given. */
export interface StartOptions {
  pid?: number[];
  process?: string[];
  service?: string;
  host?: string;
  kind: ProfileKind[];
  for: number;
  frequency: number;
  /** Milliseconds. */
  minimum: number;
  output: string;
}

/** Asks the agents to profile now, and prints each one's answer. @throws {CommandError} when none started. */
export async function startTask(backend: BackendClient, options: StartOptions): Promise<void> {
  const targets = [options.pid, options.process, options.service].filter((target) => target !== undefined);
  if (targets.length !== 1) {
    throw new CommandError("Give one of --pid, --process and --service", { exitCode: 2 });
  }
  const { tasks } = await backend.tasks.startTask({
    processIds: options.process ?? await findProcesses(backend, options.pid ?? [], options.host),
    service: options.service ?? "",
    kinds: options.kind.map((kind) => wireKinds[kind]),
    durationSeconds: options.for,
    frequencyHz: options.frequency,
    offCpuMinimumNs: BigInt(Math.round(options.minimum * 1e6)),
  });
  const started = tasks.filter(({ taskId }) => taskId !== "");
  if (options.output === "json") {
    printJson(tasks.map(({ host, processIds, taskId, refused }) => ({ host, processIds, taskId, refused })));
  } else {
    for (const { taskId, host } of started) printLine(`${taskId}: profiling on ${host} for ${options.for} s`);
  }
  const refusals = tasks.filter(({ refused }) => refused !== "").map(({ host, refused }) =>
    `${host}: ${refused}`
  );
  if (started.length === 0) {
    throw new CommandError(`No task started: ${refusals.join("; ")}`, { exitCode: 1 });
  }
  for (const refusal of refusals) printNote(refusal);
}

/** Ids of the processes with these pids, on the one host that has them. */
async function findProcesses(
  backend: BackendClient,
  pids: readonly number[],
  host: string | undefined,
): Promise<string[]> {
  return await Promise.all(pids.map(async (pid) => {
    const { processes } = await backend.queries.listProcesses({ search: String(pid), limit: 1_000 });
    const found = processes.filter(({ process, ...place }) =>
      process?.pid === pid && (host === undefined || place.host === host)
    );
    if (found.length === 1) return found[0]!.process!.id;
    const fault = found.length === 0
      ? `There is no process ${pid}${
        host === undefined ? "" : ` on ${host}`
      }; see the processes in the web UI`
      : `Process ${pid} is on ${found.map((one) => one.host).join(", ")}; give --host`;
    throw new CommandError(fault, { exitCode: 1 });
  }));
}
