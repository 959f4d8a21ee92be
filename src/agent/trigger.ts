import type { Cause } from "../model/cause.ts";
import { type Policy, policyDefaults, type ProfileKind } from "../model/policy.ts";
import type { Process } from "../model/process.ts";
import { policySilenceKey, Silence, type SilenceState, taskSilenceKey } from "./silence.ts";

/** Most tasks at once on a host. */
export const maxRunningTasks = 2;

/** One rule that is tripped in this second. */
export interface Trip {
  readonly policy: Policy;
  readonly policyVersion: number;
  readonly cause: Cause;
  /**
   * The process the rule was judged on; absent for a host-wide rule, which instead gives every process the policy matches
   * with its use of CPU in the window, in any order and unit.
   */
  readonly process?: Process;
  readonly candidates?: readonly { readonly process: Process; readonly cpuUse: number }[];
}

/** Everything `Trigger.judge` needs of one second. */
export interface TriggerTick {
  /** Every rule that is tripped now. A rule that is missing here is not tripped any more. */
  readonly trips: readonly Trip[];
  readonly atBootSeconds: number;
  /** Why the agent's own budget forbids a task now; absent when it does not. */
  readonly overBudget?: string;
}

/** What somebody asks for by hand. */
export interface ManualStart {
  /** One or two. */
  readonly processes: readonly Process[];
  readonly kinds: readonly ProfileKind[];
  readonly durationSeconds: number;
  readonly frequencyHz: number;
  readonly offCpuMinimumNs: number;
}

/** A task to start at once. It counts as running until `taskEnded` is called with its id, whether it could start or not. */
export interface TaskPlan {
  /** 32 hexadecimal digits. */
  readonly id: string;
  /** Without a name for a task that somebody asked for. */
  readonly policy: Policy;
  readonly policyVersion: number;
  /** Absent for a task that somebody asked for. */
  readonly cause?: Cause;
  /** One, or at most two for a host-wide rule, busiest first. */
  readonly processes: readonly Process[];
  /** Those of the policy's that are neither silent nor unsupported, in its order. */
  readonly kinds: readonly ProfileKind[];
}

/** Why no task was started. */
export type RefusalReason = "silence" | "concurrency" | "budget" | "unsupported";

/** The record of one episode in which a rule was tripped and no task started. */
export interface Refusal {
  /** The same for both records of an episode; the later replaces the earlier. */
  readonly key: string;
  readonly policy: string;
  /** Absent for a host-wide rule. */
  readonly process?: Process;
  /** Reason at the first second; it stays, whatever the later ones are. */
  readonly reason: RefusalReason;
  /** Whole sentence for people. */
  readonly message: string;
  /** Seconds in which the rule was tripped and refused. */
  readonly count: number;
  readonly firstAtBootNs: number;
  readonly lastAtBootNs: number;
  /** As it was at the first second; absent for what somebody asked for. */
  readonly cause?: Cause;
}

/** What came of one second. */
export interface TriggerOutcome {
  readonly starts: readonly TaskPlan[];
  readonly refusals: readonly Refusal[];
}

interface Episode {
  lastAtBootSeconds: number;
  started: boolean;
  refusal?: Refusal;
}

/** Why something was not started, and as a sentence for people. */
export interface Denial {
  readonly reason: RefusalReason;
  readonly message: string;
}

/**
 * Admits tasks. Call `judge` once a second with every rule that is tripped, also when none is: rules that are missing have
 * ended their episode. Start every plan it gives, send every refusal, call `taskEnded` when a task is over, and keep
 * `exportState` on disk whenever something was started. It reads no clock and starts nothing itself.
 *
 * An episode lasts from the second in which a rule trips, on one process and URI, to the last in a row in which it is
 * tripped. In each of its seconds the trip is tried anew, so a task starts as soon as silence ends or a slot frees up. An
 * episode whose first second gives no task gives one refusal: at that second with a count of 1, and again, complete, when
 * the episode ends or its task starts, unless the count is still 1. After a task has started, the episode is silent about
 * further refusals.
 *
 * A trip is held against, in this order: unsupported kinds, silence, the agent's budget, the number of tasks. Kinds that are
 * silent or unsupported are left out of a task; it is refused when none is left.
 */
export class Trigger {
  readonly #makeTaskId: () => string;
  readonly #unsupported: ReadonlyMap<ProfileKind, string>;
  readonly #silence = new Silence();
  /** Silence keys of the tasks that run, by task. */
  readonly #running = new Map<string, readonly string[]>();
  readonly #episodes = new Map<string, Episode>();

  /** `unsupported` tells of each kind that this build or host cannot do why. */
  constructor(options: { makeTaskId: () => string; unsupported?: ReadonlyMap<ProfileKind, string> }) {
    this.#makeTaskId = options.makeTaskId;
    this.#unsupported = options.unsupported ?? new Map();
  }

  /** Tasks that run now. */
  get runningTasks(): number {
    return this.#running.size;
  }

  /** Why this host cannot take a kind of profile; undefined when it can. */
  reasonAgainst(kind: ProfileKind): string | undefined {
    return this.#unsupported.get(kind);
  }

  /** Decides on one second. Trips that come first in the list get the free slots. */
  judge(tick: TriggerTick): TriggerOutcome {
    const starts: TaskPlan[] = [];
    const refusals: Refusal[] = [];
    for (const trip of tick.trips) {
      if (trip.process === undefined && (trip.candidates ?? []).length === 0) continue;
      const key = episodeKey(trip);
      const episode = this.#episodes.get(key) ?? { lastAtBootSeconds: 0, started: false };
      this.#episodes.set(key, episode);
      episode.lastAtBootSeconds = tick.atBootSeconds;
      const decision = this.#admit(trip, tick);
      if ("id" in decision) {
        starts.push(decision);
        this.#close(episode, refusals);
        episode.started = true;
      } else if (!episode.started) {
        this.#refuse(episode, trip, decision, tick.atBootSeconds, key, refusals);
      }
    }
    for (const [key, episode] of this.#episodes) {
      if (episode.lastAtBootSeconds === tick.atBootSeconds) continue;
      this.#close(episode, refusals);
      this.#episodes.delete(key);
    }
    return { starts, refusals };
  }

  /**
   * Decides on what somebody asks for. It is held against unsupported kinds, the agent's budget, the number of tasks, and
   * tasks of the same kind on the same executable, not against silence; nor is it silent afterwards.
   */
  admitManual(start: ManualStart, overBudget?: string): TaskPlan | Denial {
    const { processes, kinds } = start;
    const unsupported = kinds.filter((kind) => this.#unsupported.has(kind));
    if (unsupported.length > 0) {
      const reasons = unsupported.map((kind) => `${kind}: ${this.#unsupported.get(kind)}`);
      return { reason: "unsupported", message: `This host cannot take the profile (${reasons.join("; ")})` };
    }
    if (overBudget !== undefined) return { reason: "budget", message: overBudget };
    const keys = processes.flatMap((process) => kinds.map((kind) => taskSilenceKey(process, kind)));
    if ([...this.#running.values()].some((running) => running.some((key) => keys.includes(key)))) {
      return {
        reason: "concurrency",
        message: "A task of this kind runs on this executable already; extend it, or wait for its end",
      };
    }
    if (this.#running.size >= maxRunningTasks) {
      return { reason: "concurrency", message: `${maxRunningTasks} tasks run on this host already` };
    }
    const id = this.#makeTaskId();
    this.#running.set(id, keys);
    const policy: Policy = {
      ...policyDefaults,
      ...{ name: "", target: { labels: {} }, rules: [], start: kinds, silenceSeconds: 0 },
      durationSeconds: start.durationSeconds,
      onCpu: { frequencyHz: start.frequencyHz },
      offCpu: { minimumNs: start.offCpuMinimumNs },
    };
    return { id, policy, policyVersion: 0, processes, kinds };
  }

  /** Frees the slot of a task that is over; an unknown id is ignored. */
  taskEnded(id: string): void {
    this.#running.delete(id);
  }

  /** What has to outlive the agent; `bootUnixMs` is the wall clock when CLOCK_BOOTTIME was 0. */
  exportState(atBootSeconds: number, bootUnixMs: number): SilenceState {
    return this.#silence.exportState(atBootSeconds, bootUnixMs);
  }

  /** Takes in what an earlier agent kept; call it before the first `judge`. */
  restore(state: SilenceState, atBootSeconds: number, bootUnixMs: number): void {
    this.#silence.restore(state, atBootSeconds, bootUnixMs);
  }

  #admit(trip: Trip, tick: TriggerTick): TaskPlan | Denial {
    const { policy, policyVersion, cause } = trip;
    const supported = policy.start.filter((kind) => !this.#unsupported.has(kind));
    if (supported.length === 0) {
      const reasons = policy.start.map((kind) => `${kind}: ${this.#unsupported.get(kind)}`);
      return { reason: "unsupported", message: `This host cannot take the profile (${reasons.join("; ")})` };
    }
    const at = tick.atBootSeconds;
    const policyKey = policySilenceKey(policy.name);
    if (this.#isSilent(policyKey, at)) {
      const rest = this.#rest([policyKey], at);
      return {
        reason: "silence",
        message: `The policy started a task for the whole host; it is silent ${rest}`,
      };
    }
    const chosen = this.#choose(trip, supported, at);
    if (chosen.kinds.length === 0) return this.#silenceDenial(trip, supported, at);
    if (tick.overBudget !== undefined) return { reason: "budget", message: tick.overBudget };
    if (this.#running.size >= maxRunningTasks) {
      return { reason: "concurrency", message: `${maxRunningTasks} tasks run on this host already` };
    }
    const id = this.#makeTaskId();
    const keys = chosen.processes.flatMap((process) =>
      chosen.kinds.map((kind) => taskSilenceKey(process, kind))
    );
    if (trip.process === undefined) keys.push(policyKey);
    this.#running.set(id, keys);
    for (const key of keys) this.#silence.add(key, at, policy.silenceSeconds);
    return { id, policy, policyVersion, cause, ...chosen };
  }

  /** The processes of a task and the kinds that are not silent for any of them. */
  #choose(trip: Trip, supported: readonly ProfileKind[], at: number): Pick<TaskPlan, "processes" | "kinds"> {
    let processes: Process[] = [];
    let kinds: readonly ProfileKind[] = [];
    for (const process of wanted(trip)) {
      const free = supported.filter((kind) => !this.#isSilent(taskSilenceKey(process, kind), at));
      if (free.length === 0) continue;
      if (processes.length === 0) {
        processes = [process];
        kinds = free;
      } else if (kinds.every((kind) => free.includes(kind))) {
        processes.push(process);
      }
    }
    return { processes, kinds };
  }

  /** Silence never ends before the task does. */
  #isSilent(key: string, at: number): boolean {
    if (at < this.#silence.until(key)) return true;
    for (const keys of this.#running.values()) {
      if (keys.includes(key)) return true;
    }
    return false;
  }

  #silenceDenial(trip: Trip, kinds: readonly ProfileKind[], at: number): Denial {
    const keys = wanted(trip).flatMap((process) => kinds.map((kind) => taskSilenceKey(process, kind)));
    const message = `${kinds.join(", ")} of this executable is silent in its instance ${
      this.#rest(keys, at)
    }`;
    return { reason: "silence", message };
  }

  /** How long the first of `keys` stays silent. */
  #rest(keys: readonly string[], at: number): string {
    const seconds = Math.min(...keys.map((key) => this.#silence.until(key))) - at;
    return seconds > 0 ? `for another ${Math.ceil(seconds)} s` : "until the task that runs has ended";
  }

  #refuse(episode: Episode, trip: Trip, denial: Denial, at: number, key: string, refusals: Refusal[]): void {
    if (episode.refusal !== undefined) {
      episode.refusal = { ...episode.refusal, count: episode.refusal.count + 1, lastAtBootNs: at * 1e9 };
      return;
    }
    episode.refusal = {
      key: `${key} ${at}`,
      policy: trip.policy.name,
      ...(trip.process === undefined ? {} : { process: trip.process }),
      ...denial,
      count: 1,
      firstAtBootNs: at * 1e9,
      lastAtBootNs: at * 1e9,
      cause: trip.cause,
    };
    refusals.push(episode.refusal);
  }

  #close(episode: Episode, refusals: Refusal[]): void {
    if (episode.refusal !== undefined && episode.refusal.count > 1) refusals.push(episode.refusal);
    delete episode.refusal;
  }
}

function episodeKey(trip: Trip): string {
  const { rule, uri } = trip.cause;
  return `${trip.policy.name} ${rule} ${trip.process?.id ?? ""} ${uri}`;
}

/** The process of the rule, or the busiest two of a host-wide one. */
function wanted(trip: Trip): readonly Process[] {
  if (trip.process !== undefined) return [trip.process];
  const busiest = [...trip.candidates ?? []].sort((one, other) => other.cpuUse - one.cpuUse);
  return busiest.slice(0, 2).map(({ process }) => process);
}
