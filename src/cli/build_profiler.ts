import type { Libbpf } from "../../lib/bpf/libbpf.ts";
import type { Logger } from "../../lib/log.ts";
import { readStat } from "../../lib/procfs/process.ts";
import type { KernelClock } from "../../lib/sys/kernel_clock.ts";
import { NameResolver } from "../agent/names/resolver.ts";
import { OnCpuProfiler } from "../agent/profile/on_cpu.ts";
import { OnCpuSession } from "../agent/profile/on_cpu_session.ts";
import type { ProfileProgress } from "../agent/profile/profiler.ts";
import type { Process } from "../model/process.ts";
import type { Task } from "../model/task.ts";
import { readBuiltFile } from "./built_file.ts";
import { selfCommand } from "./self_command.ts";

/** Heap of the naming child; beyond it the child ends and the profile goes on without those names. */
const namingHeapMegabytes = 128;

/** Called about once a second while a profile is taken. */
export type OnProgress = (progress: ProfileProgress, task: Task) => void;

/** Makes the on-CPU profiler of this executable: its BPF object and its naming child. */
export function buildOnCpuProfiler(parts: {
  libbpf: Libbpf;
  clock: KernelClock;
  logger: Logger;
  onProgress?: OnProgress;
}): OnCpuProfiler {
  const { libbpf, clock, logger, onProgress } = parts;
  return new OnCpuProfiler({
    openSession: (pids, frequencyHz) =>
      OnCpuSession.open(libbpf, readBuiltFile("bpf/on_cpu.bpf.o"), { pids, frequencyHz }),
    startNaming: (pids) =>
      NameResolver.start({ command: selfCommand(["naming-child"], namingHeapMegabytes), pids, logger }),
    isAlive,
    clock,
    logger,
    ...(onProgress === undefined ? {} : { onProgress }),
  });
}

/** The pid is there, its process began when ours did (to the tick of 10 ms that /proc tells), and a thread of it lives. */
function isAlive({ pid, startBootNs }: Process): boolean {
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
