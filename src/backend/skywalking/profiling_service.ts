import type { ServiceImpl } from "@connectrpc/connect";
import type {
  EBPFProfilingData,
  EBPFProfilingService,
  EBPFProfilingTaskMetadata,
} from "../../gen/skywalking/v3/ebpf_profiling_pb.ts";
import { ProfileKind, TaskState } from "../../gen/stakeout/v1/task_pb.ts";
import { reportLimits } from "../report_limits.ts";
import { makeCommand, noCommands, requireAgent, sessionKey } from "./call_context.ts";
import type { RoverStacks } from "./chunk_tables.ts";
import { coveredProcesses } from "./network_coverage.ts";
import type { RoverAgent } from "./rover_agent.ts";
import type { RoverTask } from "./rover_task.ts";
import type { RoverShared } from "./rover_shared.ts";
import type { CountedStacks } from "./stack_profile.ts";

const targets = {
  [ProfileKind.ON_CPU]: "ON_CPU",
  [ProfileKind.OFF_CPU]: "OFF_CPU",
  [ProfileKind.NETWORK]: "NETWORK",
} as const;
/** A task of several kinds has as many ids for the agent: each is ours with this behind it. */
const suffixes = {
  [ProfileKind.ON_CPU]: "-on",
  [ProfileKind.OFF_CPU]: "-off",
  [ProfileKind.NETWORK]: "-net",
} as const;
/** The slowest and the failed requests are sampled; what they and their answers contain is not asked for. */
const networkExtension = JSON.stringify({
  NetworkSamplings: [{
    ...{ URIRegex: null, MinDuration: 0, When4xx: true, When5xx: true },
    Settings: {
      ...{ RequireCompleteRequest: false, MaxRequestSize: 0 },
      ...{ RequireCompleteResponse: false, MaxResponseSize: 0 },
    },
  }],
});
const idLength = 32;
const bufferedCharacters = 1024 * 1024;
/** How long after its end a task may still count; what an agent's clock puts later is put here. */
const lateMs = 60_000;
const unknownProcess = { id: "", pid: 0 };

interface Part extends CountedStacks {
  readonly agent: RoverAgent;
  readonly task: RoverTask;
  readonly kind: ProfileKind;
  readonly data: RoverStacks[];
}

/** Tasks that users ask for, and the stacks of all tasks. */
export function createProfilingService(options: RoverShared): ServiceImpl<typeof EBPFProfilingService> {
  const { directory, store, clock, logger } = options;

  async function storeParts(parts: Map<string, Part>): Promise<void> {
    for (const [key, part] of parts) {
      // One that fails is not tried again: the agent hears of it, and sends it again if it does that.
      parts.delete(key);
      part.task.usedAtMs = clock.nowUnixMs();
      await part.task.take(part.kind, part, store, (bodies) => part.agent.report(bodies));
    }
  }

  return {
    async queryTasks({ roverInstanceId, latestUpdateTime }, context) {
      const agent = directory.find(roverInstanceId, context.values.get(sessionKey));
      if (agent === undefined) return noCommands;
      requireAgent(agent.info.agentId, context);
      const nowMs = clock.nowUnixMs();
      agent.seenAtMs = nowMs;
      const begun: RoverTask[] = [];
      const commands = agent.runningTasks.flatMap((one) => {
        if (one.askedAtMs === undefined || one.askedAtMs <= Number(latestUpdateTime)) return [];
        if (one.fetched(nowMs)) begun.push(one);
        return toCommands(agent, one, one.askedAtMs);
      });
      await agent.report(begun.map((one) => one.body()));
      return { commands };
    },

    async collectProfilingData(stream, context) {
      const parts = new Map<string, Part>();
      let about: EBPFProfilingTaskMetadata | undefined;
      let found: ReturnType<typeof directory.task>;
      let characters = 0;
      try {
        for await (const datum of stream) {
          if (datum.task !== undefined) {
            about = datum.task;
            const id = about.taskId.slice(0, idLength);
            found = directory.task(id) ?? await directory.endedTask(id, store);
            if (found !== undefined) {
              requireAgent(found.agent.info.agentId, context);
              found.task.usedAtMs = clock.nowUnixMs();
            } else {
              const task = about.taskId.slice(0, 100);
              logger.info("Stacks are of a task that is not known here", { task });
            }
          }
          const stacks = readStacks(datum);
          if (found === undefined || about === undefined || stacks === undefined) continue;
          const { agent, task } = found;
          const { state } = task.task;
          if (state === TaskState.STOPPED || !task.task.kinds.includes(stacks.kind)) continue;
          const time = timeOf(task, about);
          const key = `${task.task.id} ${stacks.kind} ${time.atMs} ${time.agentAtMs}`;
          const part = parts.get(key) ?? { agent, task, kind: stacks.kind, ...time, data: [] };
          parts.set(key, part);
          part.data.push({ process: processOf(agent, task, about.processId), ...stacks.counted });
          characters += stacks.characters;
          if (characters < bufferedCharacters) continue;
          characters = 0;
          await storeParts(parts);
        }
      } finally {
        // What came before a stream broke is kept: the agent has counted it as sent.
        await storeParts(parts);
      }
      return noCommands;
    },
  };
}

/** When a part of a task was counted. The agent's clock may be another than ours, so that times go from the task's start. */
function timeOf({ task }: RoverTask, { currentTime, profilingStartTime }: EBPFProfilingTaskMetadata) {
  const sinceMs = Number(currentTime - profilingStartTime);
  // No chunk may lie over an hour ahead of our clock.
  const mostMs = Math.min(task.durationSeconds * 1000 + lateMs, reportLimits.futureMs);
  const withinMs = Math.min(Math.max(sinceMs, 1000), mostMs);
  const atMs = Number(task.startedAtUnixMs) + withinMs;
  return { atMs, agentAtMs: Number(currentTime), isExact: withinMs === sinceMs };
}

/** The process, also when it has ended. */
function processOf(agent: RoverAgent, { task }: RoverTask, id: string): RoverStacks["process"] {
  const index = task.processIds.indexOf(id);
  return index >= 0 ? { id, pid: task.pids[index] ?? 0 } : agent.processes.get(id) ?? unknownProcess;
}

/** One command a process and kind, as an OAP sends it; one for all processes of a network profile. */
function toCommands(agent: RoverAgent, { task }: RoverTask, askedAtMs: number) {
  return task.kinds.flatMap((kind) => {
    if (kind === ProfileKind.UNSPECIFIED) return [];
    const ids = kind === ProfileKind.NETWORK
      ? [coveredProcesses(agent, task).map(({ id }) => id).join()]
      : task.processIds;
    return ids.map((ProcessId) =>
      makeCommand("EBPFProfilingTaskQuery", {
        TaskId: task.kinds.length === 1 ? task.id : task.id + suffixes[kind],
        ProcessId,
        TaskUpdateTime: String(askedAtMs),
        TriggerType: "FIXED_TIME",
        TargetType: targets[kind],
        TaskStartTime: String(task.startedAtUnixMs),
        ExtensionConfigJSON: kind === ProfileKind.NETWORK ? networkExtension : "null",
        FixedTriggerDuration: String(task.durationSeconds),
      })
    );
  });
}

function readStacks({ profiling }: EBPFProfilingData) {
  if (profiling.case === undefined) return undefined;
  const { stacks } = profiling.value;
  const characters = stacks.reduce(
    (sum, { stackSymbols }) => stackSymbols.reduce((all, symbol) => all + symbol.length + 16, sum),
    64,
  );
  if (profiling.case === "onCPU") {
    const counted = { stacks, weight: profiling.value.dumpCount, waits: 0 };
    return { kind: ProfileKind.ON_CPU, counted, characters };
  }
  const { duration, switchCount } = profiling.value;
  const counted = { stacks, weight: Number(duration), waits: switchCount };
  return { kind: ProfileKind.OFF_CPU, counted, characters };
}
