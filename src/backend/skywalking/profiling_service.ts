import type { ServiceImpl } from "@connectrpc/connect";
import type {
  EBPFProfilingData,
  EBPFProfilingService,
  EBPFProfilingTaskMetadata,
} from "../../gen/skywalking/v3/ebpf_profiling_pb.ts";
import { ProfileKind, TaskState } from "../../gen/stakeout/v1/task_pb.ts";
import { makeCommand, noCommands, requireAgent, sessionKey } from "./call_context.ts";
import type { RoverStacks } from "./chunk_tables.ts";
import { coveredProcesses } from "./network_coverage.ts";
import type { RoverAgent } from "./rover_agent.ts";
import type { RoverTask } from "./rover_task.ts";
import type { RoverShared } from "./rover_shared.ts";

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
/** How far ahead of ours an agent's clock may run within a task. */
const earlyMs = 60_000;
const unknownProcess = { id: "", pid: 0 };

interface Part {
  readonly agent: RoverAgent;
  readonly task: RoverTask;
  readonly kind: ProfileKind;
  readonly atMs: number;
  readonly data: RoverStacks[];
}

/** Tasks that users ask for, and the stacks of all tasks. */
export function createProfilingService(options: RoverShared): ServiceImpl<typeof EBPFProfilingService> {
  const { directory, store, clock, logger } = options;

  async function storeParts(parts: Map<string, Part>): Promise<void> {
    for (const { agent, task, kind, atMs, data } of parts.values()) {
      await agent.report(await task.write(kind, atMs, data, store));
    }
    parts.clear();
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
            found = directory.task(about.taskId.slice(0, idLength));
            if (found !== undefined) requireAgent(found.agent.info.agentId, context);
            else {logger.info("Stacks are of a task that is not known here", {
                task: about.taskId.slice(0, 100),
              });}
          }
          const stacks = readStacks(datum);
          if (found === undefined || about === undefined || stacks === undefined) continue;
          const { agent, task } = found;
          const { state } = task.task;
          if (state === TaskState.STOPPED || !task.task.kinds.includes(stacks.kind)) continue;
          // Times are the agent's: its clock may be another than ours.
          const startedAtMs = Number(task.task.startedAtUnixMs);
          const sinceStartMs = Math.max(Number(about.currentTime - about.profilingStartTime), 0);
          const atMs = Math.min(startedAtMs + sinceStartMs, clock.nowUnixMs() + earlyMs);
          const key = `${task.task.id} ${stacks.kind} ${atMs}`;
          const part = parts.get(key) ?? { agent, task, kind: stacks.kind, atMs, data: [] };
          parts.set(key, part);
          const process = agent.processes.get(about.processId) ?? unknownProcess;
          part.data.push({ process, ...stacks.counted });
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
