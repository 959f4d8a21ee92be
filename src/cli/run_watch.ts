import { createLogger } from "../../lib/log.ts";
import type { ProfileProgress } from "../agent/profile/profiler.ts";
import type { RecordBody } from "../agent/report_wire.ts";
import type { NetworkChunk } from "../gen/stakeout/v1/network_pb.ts";
import type { ProfileChunk } from "../gen/stakeout/v1/profile_pb.ts";
import type { Task as WireTask } from "../gen/stakeout/v1/task_pb.ts";
import type { Task } from "../model/task.ts";
import { buildAgent } from "./build_agent.ts";
import { CommandError } from "./command_error.ts";
import { describeFileError } from "./describe_file_error.ts";
import { hostProblems } from "./host_problems.ts";
import type { WatchOptions } from "./options.ts";
import { printNote } from "./output.ts";
import { TaskFolders } from "./task_folders.ts";
import { ProgressLine } from "./terminal.ts";
import { onEndSignal } from "./until_signal.ts";

const noQueue = {
  droppedMetrics: 0n,
  droppedRefusals: 0n,
  droppedProfiles: 0n,
  droppedTasks: 0n,
  queueBytes: 0n,
};

/** `stakeout watch`: the agent alone; each task becomes a folder of files. */
export async function runWatch(options: WatchOptions): Promise<number> {
  const { config, policies, outputFolder, durationSeconds } = options;
  const line = new ProgressLine();
  const isTerminal = Deno.stderr.isTerminal();
  const logger = createLogger({
    ...{ format: config.logFormat, level: config.logLevel },
    ...(isTerminal ? { write: (text: string) => line.print(text.trimEnd()) } : {}),
  });
  await makeFolder(outputFolder);
  const folders = new TaskFolders(outputFolder, logger);
  async function emit(body: RecordBody): Promise<void> {
    try {
      if (body.case === "task") await folders.putTask(body.value as WireTask);
      else if (body.case === "profile") folders.putChunk(body.value as ProfileChunk);
      else if (body.case === "network") folders.putNetworkChunk(body.value as NetworkChunk);
    } catch (error) {
      logger.error("A task cannot be written", { reason: describeFileError(error) });
    }
  }
  const built = await buildAgent({
    ...{ config, logger, emit, agentId: crypto.randomUUID(), ownPids: [Deno.pid] },
    queue: () => noQueue,
    problems: () => [],
    onStarts: () => {},
    ...(isTerminal
      ? { onProgress: (progress: ProfileProgress, task: Task) => showProgress(line, progress, task) }
      : {}),
  });
  const abort = new AbortController();
  using _signals = onEndSignal(() => abort.abort());
  const timer = durationSeconds === undefined
    ? undefined
    : setTimeout(() => abort.abort(), durationSeconds * 1000);
  try {
    for (const problem of hostProblems()) logger.warn(problem);
    built.agent.setPolicies(
      1,
      policies.map(({ policy, source }) => ({ name: policy.name, source, version: 1 })),
      false,
    );
    printNote(`watching ${built.pipeline.watchedProcesses} processes`);
    await built.agent.run(abort.signal);
  } finally {
    clearTimeout(timer);
    await built.close();
  }
  return 0;
}

function showProgress(line: ProgressLine, { elapsedSeconds, loss, top }: ProfileProgress, task: Task): void {
  const title = `${task.policy} of ${task.processes.map(({ pid }) => pid).join(", ")}`;
  line.update({ title, elapsedSeconds, totalSeconds: task.durationSeconds, samples: loss.taken, top });
  if (elapsedSeconds >= task.durationSeconds) line.clear();
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new CommandError(`Cannot write to ${folder}: ${describeFileError(error)}; give another -o FOLDER`, {
      exitCode: 1,
      cause: error,
    });
  }
}
