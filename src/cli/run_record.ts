import { openLibbpf } from "../../lib/bpf/libbpf.ts";
import { createLogger } from "../../lib/log.ts";
import { readExe, readStat } from "../../lib/procfs/process.ts";
import { KernelClock } from "../../lib/sys/kernel_clock.ts";
import { readBootId, readHostName } from "../agent/host.ts";
import type { ProfileOutcome } from "../agent/profile/profiler.ts";
import { wireKinds } from "../agent/wire.ts";
import { ProfileMerger } from "../backend/profile/profile_merger.ts";
import { type Process, processId } from "../model/process.ts";
import { noLoss } from "../model/profile.ts";
import type { Task } from "../model/task.ts";
import { buildProfilers } from "./build_profiler.ts";
import { builtFilePath, readBuiltFile } from "./built_file.ts";
import { CommandError } from "./command_error.ts";
import { describeQuality } from "./describe_quality.ts";
import type { RecordOptions } from "./options.ts";
import { printNote, writeOut } from "./output.ts";
import { cannotWrite, checkFolder } from "./output_file.ts";
import { ProgressLine } from "./terminal.ts";
import { onEndSignal } from "./until_signal.ts";
import { listNameNotes } from "./name_notes.ts";
import { encodeProfile, writeWhole } from "./write_profile.ts";

const mostTargets = 2;
/** Whoever asks for ten seconds would rather have them begin a second later than with half of the stacks. */
const tablesWaitMs = 5000;

/** `stakeout record`: one profile, now. An interrupt ends it early; what was taken until then is written. */
export async function runRecord(options: RecordOptions): Promise<number> {
  const { pids, kind, durationSeconds, frequencyHz, offCpuMinimumNs, outputFile, runtimeFrames, config } =
    options;
  if (pids.length > mostTargets) {
    throw new CommandError(
      `${pids.length} processes are too many for one profile; give at most ${mostTargets}`,
      {
        exitCode: 2,
      },
    );
  }
  await checkFolder(outputFile);
  const logger = createLogger({ format: config.logFormat, level: config.logLevel });
  const clock = new KernelClock();
  const processes = pids.map(findProcess);
  const task: Task = {
    ...{ id: "0".repeat(32), policy: "", policyVersion: 0, host: readHostName(), kinds: [kind] },
    ...{ state: "running", message: "", endedAtBootNs: 0, loss: noLoss },
    ...{ processes, durationSeconds, frequencyHz, offCpuMinimumNs, startedAtBootNs: clock.bootNs() },
  };
  const merger = new ProfileMerger({
    ...{ taskId: task.id, kind: wireKinds[kind], fromSecond: 0, toSecond: 0 },
    taskStartMs: clock.unixMs(task.startedAtBootNs),
  });
  const line = new ProgressLine();
  const unit = kind === "off_cpu" ? "waits" : "samples";
  const profilers = buildProfilers({
    libbpf: openLibbpf(readBuiltFile("libbpf.so"), builtFilePath("libbpf.so")),
    ...{ config, clock, logger, tablesWaitMs },
    onProgress: ({ elapsedSeconds, loss, top }) =>
      line.update({ elapsedSeconds, totalSeconds: durationSeconds, samples: loss.taken, unit, top }),
  });
  const abort = new AbortController();
  using _signals = onEndSignal(() => abort.abort());
  const control = { signal: abort.signal, durationSeconds };
  const outcome = await profilers.get(kind)!.run(
    task,
    (chunk) => {
      if (chunk.$typeName === "stakeout.v1.ProfileChunk") merger.add(chunk);
      return Promise.resolve();
    },
    control,
  );
  line.clear();
  if (outcome.state === "failed") {
    const fix = outcome.message.includes("; ") ? "" : "; see stakeout doctor";
    throw new CommandError(outcome.message + fix, { exitCode: 3 });
  }

  const name = processes.map(({ name, pid }) => `${name} (${pid})`).join(", ");
  const profile = merger.finish();
  const title = { name, frequencyHz, durationSeconds, runtimeFrames };
  const bytes = await encodeProfile(profile, options.format, title);
  try {
    if (outputFile === "-") writeOut(bytes);
    else await writeWhole(outputFile, bytes);
  } catch (error) {
    throw cannotWrite(outputFile, error);
  }
  printNote(`wrote ${outputFile} (${options.format}): ${describeOutcome(outcome, unit)}`);
  printNote(`stacks: ${describeQuality(profile.quality)}`);
  const pidOf = new Map(processes.map(({ id, pid }) => [id, pid]));
  for (const note of listNameNotes(profile, pidOf)) printNote(`note: ${note}`);
  return 0;
}

/** @throws {CommandError} when there is no such process. */
function findProcess(pid: number): Process {
  const stat = readStat(pid);
  const exe = readExe(pid)?.path;
  if (stat === undefined || exe === undefined) {
    throw new CommandError(`There is no user process ${pid}; check --pid`, { exitCode: 1 });
  }
  const startBootNs = stat.startTicks * 1e7;
  return {
    ...{ id: processId(readBootId(), startBootNs, pid), pid, startBootNs, exe, parentPid: stat.parentPid },
    ...{ name: exe.slice(exe.lastIndexOf("/") + 1), service: "", instance: "", cgroup: "", containerId: "" },
    ...{ uid: 0, labels: {} },
  };
}

function describeOutcome({ state, message, loss }: ProfileOutcome, unit: string): string {
  const lost = loss.lostKernel + loss.lostAgent;
  const parts = [`${loss.taken} ${unit} taken, ${loss.stored} stored, ${lost} lost`];
  if (state === "target_exited") parts.push("the process ended");
  if (state === "stopped") parts.push("stopped early");
  if (message !== "") parts.push(message);
  return parts.join("; ");
}
