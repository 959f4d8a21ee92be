import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Clock } from "../../../lib/clock.ts";
import type { ContinuousProfilingCause } from "../../gen/skywalking/v3/continuous_profiling_pb.ts";
import { type CauseSchema, ProfileKind, SlotState, TaskState } from "../../gen/stakeout/v1/task_pb.ts";
import { seriesVariant } from "../../model/series.ts";
import type { ExpressedRule } from "./express_policies.ts";
import { coversProcess, findNetworkTask } from "./network_coverage.ts";
import type { RoverAgent } from "./rover_agent.ts";
import type { RoverProcess } from "./rover_process.ts";
import { exeOf, keepSilent, silentUntilMs } from "./silence.ts";
import { roverFrequencyHz, RoverTask } from "./rover_task.ts";

/** A task that an agent wants to start because a policy tripped. */
export interface Trip {
  readonly kind: ProfileKind;
  readonly causes: readonly ContinuousProfilingCause[];
  readonly durationSeconds: number;
}

/** The task's id, or one sentence why it may not start. */
export type Admission = { readonly taskId: string; readonly refused?: never } | { readonly refused: string };

interface Episode {
  readonly firstMs: number;
  lastMs: number;
  count: number;
}

/** As many as on a host of ours. */
export const mostTasks = 2;
/** Why a second network profile of the same processes may not start: what they send would count twice. */
export const networkRuns = "A network profile of this instance runs already";
const episodeGapMs = 60_000;
const mostEpisodes = 10_000;

/**
 * Decides on tasks that agents of SkyWalking report, as our own agents do: two at once a host, none within the silence of
 * the one before. An agent that is refused asks again every five seconds as long as the policy trips; that is one refusal.
 */
export class TaskAdmission {
  readonly #clock: Clock;
  readonly #episodes = new Map<string, Episode>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Stores the task, or the refusal. */
  async admit(agent: RoverAgent, process: RoverProcess, trip: Trip): Promise<Admission> {
    const nowMs = this.#clock.nowUnixMs();
    const found = findRule(agent, process, trip);
    if (found === undefined) return { refused: "No policy that is saved here asks for this task" };
    const cause = toCause(found.rule, found.cause, trip, nowMs);
    const empty = findEmpty(agent, process, trip.kind);
    if (empty !== undefined) {
      // The agent could not begin the task that it reported before, and tries again.
      empty.repeats++;
      return { taskId: empty.task.id };
    }
    const reason = this.#reasonAgainst(agent, process, trip.kind, nowMs);
    const { policy } = found.rule;
    if (reason !== undefined) {
      const episode = this.#noteRefusal(
        JSON.stringify([policy.name, process.id, trip.kind, reason.kind]),
        nowMs,
      );
      await agent.report([{
        case: "refusal",
        value: {
          ...{ policy: policy.name, processId: process.id, service: process.service, cause },
          ...{ reason: reason.kind, message: reason.message, count: episode.count },
          ...{ firstAtUnixMs: BigInt(episode.firstMs), lastAtUnixMs: BigInt(episode.lastMs) },
        },
      }]);
      return { refused: reason.message };
    }
    const task = makeTask(agent, [process], {
      ...{ kinds: [trip.kind], durationSeconds: trip.durationSeconds, nowMs },
      ...{ policy: policy.name, policyVersion: found.rule.version, cause },
    });
    agent.tasks.set(task.task.id, task);
    keepSilent(agent, task.task, policy.silenceSeconds);
    await agent.report([task.body(), agent.statusBody()]);
    return { taskId: task.task.id };
  }

  #reasonAgainst(agent: RoverAgent, process: RoverProcess, kind: ProfileKind, nowMs: number) {
    const silentMs = silentUntilMs(agent, process, kind) - nowMs;
    if (silentMs > 0) {
      const seconds = Math.ceil(silentMs / 1000);
      return { kind: "silence", message: `Silent for ${seconds} s more, as a task of this kind ran here` };
    }
    if (kind === ProfileKind.NETWORK && findNetworkTask(agent, process) !== undefined) {
      return { kind: "concurrency", message: networkRuns };
    }
    if (agent.runningTasks.length < mostTasks) return undefined;
    return { kind: "concurrency", message: `${mostTasks} tasks run on this host already` };
  }

  #noteRefusal(key: string, nowMs: number): Episode {
    let episode = this.#episodes.get(key);
    if (episode === undefined || nowMs - episode.lastMs > episodeGapMs) {
      episode = { firstMs: nowMs, lastMs: nowMs, count: 0 };
      this.#episodes.delete(key);
      const [oldest] = this.#episodes.keys();
      if (this.#episodes.size >= mostEpisodes && oldest !== undefined) this.#episodes.delete(oldest);
      this.#episodes.set(key, episode);
    }
    episode.lastMs = nowMs;
    episode.count++;
    return episode;
  }
}

/** Makes a task that runs from now on. */
export function makeTask(
  agent: RoverAgent,
  processes: readonly RoverProcess[],
  about: {
    readonly kinds: ProfileKind[];
    readonly durationSeconds: number;
    readonly nowMs: number;
    readonly policy?: string;
    readonly policyVersion?: number;
    readonly cause?: MessageInitShape<typeof CauseSchema>;
    readonly askedAtMs?: number;
  },
): RoverTask {
  const { nowMs, askedAtMs, ...fields } = about;
  return new RoverTask({
    ...fields,
    id: crypto.randomUUID().replaceAll("-", ""),
    agentId: agent.info.agentId,
    host: agent.info.host,
    processIds: processes.map(({ id }) => id),
    services: processes.map(({ service }) => service),
    instances: processes.map(({ instance }) => instance),
    pids: processes.map(({ pid }) => pid),
    exes: processes.map(exeOf),
    state: TaskState.RUNNING,
    startedAtUnixMs: BigInt(nowMs),
    frequencyHz: roverFrequencyHz,
  }, askedAtMs === undefined ? {} : { askedAtMs });
}

function findEmpty(agent: RoverAgent, process: RoverProcess, kind: ProfileKind): RoverTask | undefined {
  return agent.runningTasks.find(({ task, hasData }) =>
    !hasData && task.policy !== "" && task.kinds.includes(kind) &&
    (kind === ProfileKind.NETWORK ? coversProcess(task, process) : task.processIds.includes(process.id))
  );
}

/** The first cause that is a rule of ours. */
function findRule(agent: RoverAgent, process: RoverProcess, { kind, causes }: Trip) {
  const rules = agent.expression.services.get(process.service)?.rules ?? [];
  const wanted = kind === ProfileKind.ON_CPU
    ? "on_cpu"
    : kind === ProfileKind.OFF_CPU
    ? "off_cpu"
    : "network";
  for (const cause of causes) {
    const rule = rules.find((one) => one.kind === wanted && one.monitor.type === cause.type);
    if (rule !== undefined) return { rule, cause };
  }
  return undefined;
}

function toCause(
  { rule, index }: ExpressedRule,
  { cause }: ContinuousProfilingCause,
  { causes }: Trip,
  nowMs: number,
): MessageInitShape<typeof CauseSchema> {
  const { threshold = rule.threshold, current = 0 } = cause.value ?? {};
  const uri = cause.case === "uri" ? cause.value.uri.value ?? "" : "";
  const others = causes.length < 2 ? "" : `; ${causes.length - 1} more conditions tripped with it`;
  return {
    ...{ rule: index, metric: rule.metric, uri: uri.slice(0, 512), variant: seriesVariant(rule), threshold },
    ...{ periodSeconds: rule.periodSeconds, count: rule.count, reached: rule.count },
    slots: [{ state: SlotState.VALUE, value: Number.isFinite(current) ? current : 0 }],
    atUnixMs: BigInt(nowMs),
    note: `SkyWalking's agent tells one value of its window, the oldest that reached the threshold${others}`,
  };
}
