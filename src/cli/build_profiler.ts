import type { Libbpf } from "../../lib/bpf/libbpf.ts";
import { systemClock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { readStat } from "../../lib/procfs/process.ts";
import type { KernelClock } from "../../lib/sys/kernel_clock.ts";
import { Debuginfod } from "../agent/debuginfod/debuginfod.ts";
import { BadModules } from "../agent/child/bad_modules.ts";
import { NameResolver } from "../agent/names/resolver.ts";
import { OffCpuSession } from "../agent/profile/off_cpu_session.ts";
import { OnCpuSession } from "../agent/profile/on_cpu_session.ts";
import type { ProfileProgress, Profiler } from "../agent/profile/profiler.ts";
import { StackProfiler } from "../agent/profile/stack_profiler.ts";
import { trimSwitchFrames } from "../agent/profile/trim_switch_frames.ts";
import { TableBuilder } from "../agent/unwind/table_builder.ts";
import { TableStore } from "../agent/unwind/table_store.ts";
import { ProfileKind as WireKind } from "../gen/stakeout/v1/task_pb.ts";
import type { Config } from "../model/config.ts";
import type { ProfileKind } from "../model/policy.ts";
import type { Process } from "../model/process.ts";
import type { Task } from "../model/task.ts";
import { readBuiltFile } from "./built_file.ts";
import { selfCommand } from "./self_command.ts";
import { openStateFolder } from "./state_folder.ts";

/** Heap of the naming child; beyond it the child ends and the profile goes on without those names. */
const namingHeapMegabytes = 128;
/** Heap of the child that compiles unwind tables; a table that does not fit into it is missing. */
const tableHeapMegabytes = 256;

/** Called about once a second while a profile is taken. */
export type OnProgress = (progress: ProfileProgress, task: Task) => void;

/**
 * Makes the profilers of this executable: their BPF objects, their naming children and, where that is wanted, what fetches debug
 * files for them.
 */
export function buildProfilers(parts: {
  config: Config;
  libbpf: Libbpf;
  clock: KernelClock;
  logger: Logger;
  /** How long a profile waits for unwind tables before it begins; a task of the agent begins at once. */
  tablesWaitMs?: number;
  onProgress?: OnProgress;
}): ReadonlyMap<ProfileKind, Profiler> {
  const { config, libbpf, clock, logger, tablesWaitMs, onProgress } = parts;
  const badModules = new BadModules();
  const store = new TableStore(libbpf);
  const tables = {
    store,
    builder: new TableBuilder({ command: selfCommand(["table-child"], tableHeapMegabytes), store, logger }),
    logger,
    waitMs: tablesWaitMs ?? 0,
  };
  let debuginfod: Promise<Debuginfod | undefined> | undefined;
  const surroundings = {
    startNaming: async (pids: number[]) => {
      debuginfod ??= openDebuginfod(config, logger);
      const command = selfCommand(["naming-child"], namingHeapMegabytes);
      return await NameResolver.start({ command, pids, logger, badModules, debuginfod: await debuginfod });
    },
    isAlive,
    clock,
    logger,
    ...(onProgress === undefined ? {} : { onProgress }),
  };
  const onCpu = new StackProfiler({
    ...surroundings,
    kind: WireKind.ON_CPU,
    openSession: (pids, { frequencyHz }, findPythons) =>
      OnCpuSession.open(libbpf, readBuiltFile("bpf/on_cpu.bpf.o"), {
        pids,
        frequencyHz,
        tables,
        findPythons,
      }),
  });
  const offCpu = new StackProfiler({
    ...surroundings,
    kind: WireKind.OFF_CPU,
    openSession: (pids, { offCpuMinimumNs: minimumNs }, findPythons) =>
      OffCpuSession.open(libbpf, readBuiltFile("bpf/off_cpu.bpf.o"), {
        pids,
        minimumNs,
        tables,
        findPythons,
      }),
    trimStack: trimSwitchFrames,
  });
  return new Map([["on_cpu", onCpu], ["off_cpu", offCpu]]);
}

/** Undefined when it is off, or its folder cannot be had: then names are missing, and the log says why. */
async function openDebuginfod(config: Config, logger: Logger): Promise<Debuginfod | undefined> {
  const { enabled, urls, fileBytes, cacheBytes } = config.debuginfod;
  if (!enabled) return undefined;
  try {
    const stateFolder = await openStateFolder(config, logger);
    if (stateFolder === undefined) {
      throw new Error("There is no state folder to keep them in; give it --state");
    }
    const limits = { maxFileBytes: fileBytes, maxCacheBytes: cacheBytes };
    const folder = `${stateFolder}/debuginfod`;
    return await Debuginfod.open({ folder, urls, ...limits, clock: systemClock, logger });
  } catch (error) {
    logger.warn("Debug files are not fetched", { error });
    return undefined;
  }
}

/** The pid is there, its process began when ours did (to the tick of 10 ms that /proc tells), and a thread of it lives. */
export function isAlive({ pid, startBootNs }: Process): boolean {
  const stat = readStat(pid);
  if (stat === undefined || Math.abs(stat.startTicks - Math.floor(startBootNs / 1e7)) > 1) return false;
  return stat.state !== "Z" || countTasks(pid) > 1;
}

/** Threads that are not reaped yet; the first one stays a zombie while others run. */
function countTasks(pid: number): number {
  try {
    return [...Deno.readDirSync(`/proc/${pid}/task`)].length;
  } catch {
    return 0;
  }
}
