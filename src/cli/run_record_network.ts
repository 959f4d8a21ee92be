import { NotSupportedError } from "../../lib/bpf/error.ts";
import { openLibbpf } from "../../lib/bpf/libbpf.ts";
import { createLogger } from "../../lib/log.ts";
import { KernelClock } from "../../lib/sys/kernel_clock.ts";
import { readHostName } from "../agent/host.ts";
import type { ProfileOutcome } from "../agent/profile/profiler.ts";
import { NetworkMerger } from "../backend/network/network_merger.ts";
import { noLoss } from "../model/profile.ts";
import type { Task } from "../model/task.ts";
import { buildNetworkProfiler } from "./build_network_profiler.ts";
import { builtFilePath, readBuiltFile } from "./built_file.ts";
import { CommandError } from "./command_error.ts";
import { HostProcesses } from "./host_processes.ts";
import { toNetworkRecord } from "../backend/export/network_record.ts";
import { formatNetwork } from "./network_table.ts";
import type { ServiceOptions } from "./options.ts";
import { printNote, writeOut } from "./output.ts";
import { cannotWrite, checkFolder } from "./output_file.ts";
import { ProgressLine } from "./terminal.ts";
import { onEndSignal } from "./until_signal.ts";
import { writeWhole } from "./write_profile.ts";

/** What is written are the sums of the whole profile. */
const noSeries: ReadonlySet<number> = new Set();

/** `stakeout record --network`. */
export interface RecordNetworkOptions extends ServiceOptions {
  /** At least one, no repeats; whether they exist is not checked yet. */
  pids: number[];
  durationSeconds: number;
  /** Where the JSON goes: `-` is standard output; absent: a table is printed there. */
  outputFile?: string;
}

/**
 * One network profile, now: of these processes and of all others of their service instances. An interrupt ends it early; what was
 * taken until then is told.
 */
export async function runRecordNetwork(options: RecordNetworkOptions): Promise<number> {
  const { pids, durationSeconds, outputFile, config } = options;
  if (outputFile !== undefined) await checkFolder(outputFile);
  const logger = createLogger({ format: config.logFormat, level: config.logLevel });
  const clock = new KernelClock();
  const libbpf = openLibbpf(readBuiltFile("libbpf.so"), builtFilePath("libbpf.so"));
  const host = await openProcesses(libbpf, options);
  const line = new ProgressLine();
  const abort = new AbortController();
  using _signals = onEndSignal(() => abort.abort());
  try {
    const processes = pids.map((pid) => {
      const live = host.get(pid);
      if (live === undefined) {
        throw new CommandError(`There is no user process ${pid}; check --pid`, { exitCode: 1 });
      }
      return live.process;
    });
    const task: Task = {
      ...{ id: "0".repeat(32), policy: "", policyVersion: 0, host: readHostName(), kinds: ["network"] },
      ...{
        state: "running",
        message: "",
        endedAtBootNs: 0,
        loss: noLoss,
        frequencyHz: 0,
        offCpuMinimumNs: 0,
      },
      ...{ processes, durationSeconds, startedAtBootNs: clock.bootNs() },
    };
    let merger: NetworkMerger | undefined;
    const profiler = buildNetworkProfiler({
      ...{ libbpf, clock, logger },
      processes: () => host.values(),
      onProgress: ({ elapsedSeconds, loss, top }) =>
        line.update({
          ...{ elapsedSeconds, totalSeconds: durationSeconds, samples: loss.taken, top },
          unit: "messages",
        }),
    });
    const control = { signal: abort.signal, durationSeconds };
    const outcome = await profiler.run(task, (chunk) => {
      // Loading the programs takes a moment: the profile begins with its first chunk.
      const taskStartMs = Number(chunk.startUnixMs);
      const range = { taskId: task.id, taskStartMs, fromSecond: 0, toSecond: 0, seriesOf: noSeries };
      merger ??= new NetworkMerger(range);
      merger.add(chunk);
      return Promise.resolve();
    }, control);
    line.clear();
    if (outcome.state === "failed" || merger === undefined) {
      throw new CommandError(outcome.message, { exitCode: 3 });
    }
    const record = toNetworkRecord(merger.finish());
    if (outputFile === undefined) {
      writeOut(formatNetwork(record));
      printNote(describeOutcome(outcome));
      return 0;
    }
    const bytes = new TextEncoder().encode(JSON.stringify(record, null, 2) + "\n");
    try {
      if (outputFile === "-") writeOut(bytes);
      else await writeWhole(outputFile, bytes);
    } catch (error) {
      throw cannotWrite(outputFile, error);
    }
    if (outputFile !== "-") writeOut(formatNetwork(record));
    printNote(`wrote ${outputFile} (json): ${describeOutcome(outcome)}`);
    return 0;
  } finally {
    line.clear();
    await host.close();
  }
}

async function openProcesses(
  libbpf: ReturnType<typeof openLibbpf>,
  { config }: RecordNetworkOptions,
): Promise<HostProcesses> {
  try {
    return await HostProcesses.open(libbpf, config);
  } catch (error) {
    const fix = error instanceof NotSupportedError ? "" : "; see stakeout doctor";
    throw new CommandError((error as Error).message + fix, { exitCode: 3, cause: error });
  }
}

function describeOutcome({ state, message, loss }: ProfileOutcome): string {
  const lost = loss.lostKernel + loss.lostAgent;
  const parts = [`${loss.taken} messages seen, ${loss.stored} told, ${lost} lost`];
  if (state === "target_exited") parts.push("the process ended");
  if (state === "stopped") parts.push("stopped early");
  if (message !== "") parts.push(message);
  return parts.join("; ");
}
