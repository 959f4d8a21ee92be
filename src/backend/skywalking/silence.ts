import { ProfileKind, type Task } from "../../gen/stakeout/v1/task_pb.ts";
import type { RoverAgent } from "./rover_agent.ts";
import type { RoverProcess } from "./rover_process.ts";

const mostKept = 20_000;

/** Notes that no task of the same kinds may start until the silence after this one is over. */
export function keepSilent(agent: RoverAgent, task: Task, silenceSeconds: number): void {
  const untilMs = Number(task.startedAtUnixMs) + silenceSeconds * 1000;
  task.services.forEach((service, index) => {
    for (const kind of task.kinds) {
      const key = silenceKey(service, task.instances[index] ?? "", task.exes[index] ?? "", kind);
      const longest = Math.max(untilMs, agent.silentUntilMs.get(key) ?? 0);
      // The oldest goes first.
      agent.silentUntilMs.delete(key);
      const [oldest] = agent.silentUntilMs.keys();
      if (agent.silentUntilMs.size >= mostKept && oldest !== undefined) agent.silentUntilMs.delete(oldest);
      agent.silentUntilMs.set(key, longest);
    }
  });
}

/** Unix milliseconds until which a process stays silent; 0 when it never had a task. */
export function silentUntilMs(agent: RoverAgent, process: RoverProcess, kind: ProfileKind): number {
  return agent.silentUntilMs.get(silenceKey(process.service, process.instance, exeOf(process), kind)) ?? 0;
}

/** What tasks call the executable of a process. */
export function exeOf({ row, processName }: RoverProcess): string {
  return row.exe || processName;
}

/**
 * Silence is of an executable in an instance, whatever policy tripped and whichever pid it has by now; of network profiles,
 * which cover the instance, of that.
 */
function silenceKey(service: string, instance: string, exe: string, kind: ProfileKind): string {
  return JSON.stringify([service, instance, kind === ProfileKind.NETWORK ? "" : exe, kind]);
}
