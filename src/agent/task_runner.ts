import type { Logger } from "../../lib/log.ts";
import type { ProfileKind } from "../model/policy.ts";
import { addLoss, noLoss } from "../model/profile.ts";
import type { Task } from "../model/task.ts";
import type { Chunk, ChunkSink, ProfileOutcome, Profiler, RunControl } from "./profile/profiler.ts";
import type { TaskPlan } from "./trigger.ts";

/** What tasks need of their surroundings. */
export interface TaskRunnerOptions {
  readonly profilers: ReadonlyMap<ProfileKind, Profiler<Chunk>>;
  readonly host: string;
  readonly bootNs: () => number;
  readonly logger: Logger;
  /** Takes a task each time it changes; called with the state `running` first, with a final one last. */
  readonly onTask: (task: Task) => Promise<void>;
  readonly onChunk: ChunkSink<Chunk>;
  /** Called once a task is over and reported. */
  readonly onEnded: (id: string) => void;
}

/** Longest that a task may run in all, however often it is extended. */
const longestSeconds = 3_600;

interface RunningTask {
  task: Task;
  readonly control: { readonly signal: AbortSignal; durationSeconds: number };
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

/** Runs tasks: all kinds of one task side by side, and reports each change of state. */
export class TaskRunner {
  readonly #options: TaskRunnerOptions;
  readonly #running = new Map<string, RunningTask>();

  constructor(options: TaskRunnerOptions) {
    this.#options = options;
  }

  /** Tasks that run now, as last reported. */
  get tasks(): Task[] {
    return [...this.#running.values()].map(({ task }) => task);
  }

  /** Starts a task at once. */
  start(plan: TaskPlan): void {
    const { policy, policyVersion, processes, cause, kinds } = plan;
    const task: Task = {
      id: plan.id,
      policy: policy.name,
      policyVersion,
      processes,
      host: this.#options.host,
      ...(cause === undefined ? {} : { cause }),
      kinds,
      state: "running",
      message: "",
      startedAtBootNs: this.#options.bootNs(),
      endedAtBootNs: 0,
      durationSeconds: policy.durationSeconds,
      frequencyHz: policy.onCpu.frequencyHz,
      offCpuMinimumNs: policy.offCpu.minimumNs,
      loss: noLoss,
    };
    const abort = new AbortController();
    const { logger } = this.#options;
    const pids = processes.map(({ pid }) => pid).join(",");
    logger.info("Task started", {
      task: task.id,
      policy: policy.name,
      pids,
      service: processes[0]?.service ?? "",
    });
    const control = { signal: abort.signal, durationSeconds: task.durationSeconds };
    const ended = this.#run(task, control).catch(
      (error) => {
        logger.error("A task could not be reported", { task: task.id, error });
      },
    ).finally(() => {
      this.#running.delete(task.id);
      this.#options.onEnded(task.id);
    });
    this.#running.set(task.id, { task, control, abort, ended });
  }

  /** Ends a task early; what it took until then is kept. False when it does not run here. */
  stop(id: string): boolean {
    const running = this.#running.get(id);
    running?.abort.abort("stopped");
    return running !== undefined;
  }

  /** Lets a task run longer. @returns why it cannot, undefined when it does. */
  extend(id: string, seconds: number): string | undefined {
    const running = this.#running.get(id);
    if (running === undefined) return "The task does not run any more";
    const durationSeconds = running.control.durationSeconds + seconds;
    if (durationSeconds > longestSeconds) {
      return `A task runs for ${longestSeconds} s at most; this one has ${running.control.durationSeconds}`;
    }
    running.control.durationSeconds = durationSeconds;
    running.task = { ...running.task, durationSeconds };
    this.#options.logger.info("Task extended", { task: id, durationSeconds });
    void this.#options.onTask(running.task);
    return undefined;
  }

  /** Ends all tasks because the agent ends, and waits until they are reported. */
  async stopAll(): Promise<void> {
    const running = [...this.#running.values()];
    for (const { abort } of running) abort.abort("agent_stopped");
    await Promise.all(running.map(({ ended }) => ended));
  }

  async #run(task: Task, control: RunControl): Promise<void> {
    const reported = this.#options.onTask(task);
    const outcomes = await Promise.all(task.kinds.map((kind) => this.#profile(kind, task, control)));
    await reported;
    const state = joinStates(outcomes);
    const final: Task = {
      ...task,
      durationSeconds: control.durationSeconds,
      state: state === "stopped" && control.signal.reason === "agent_stopped" ? "agent_stopped" : state,
      message: outcomes.map(({ message }) => message).filter((message) => message !== "").join("; "),
      endedAtBootNs: Math.max(...outcomes.map(({ endedAtBootNs }) => endedAtBootNs)),
      loss: outcomes.map(({ loss }) => loss).reduce(addLoss, noLoss),
    };
    this.#options.logger.info("Task ended", {
      ...{ task: task.id, state: final.state, taken: final.loss.taken },
      ...(final.message === "" ? {} : { reason: final.message }),
    });
    await this.#options.onTask(final);
  }

  async #profile(kind: ProfileKind, task: Task, control: RunControl): Promise<ProfileOutcome> {
    const profiler = this.#options.profilers.get(kind);
    if (profiler === undefined) throw new RangeError(`Cannot run ${kind}: there is no profiler for it`);
    try {
      return await profiler.run(task, this.#options.onChunk, control);
    } catch (error) {
      this.#options.logger.error("A profile broke off", { task: task.id, kind, error });
      const message = `${kind}: ${(error as Error).message}`;
      return { state: "failed", message, loss: noLoss, endedAtBootNs: this.#options.bootNs() };
    }
  }
}

/** A task has failed only when all its kinds have; otherwise its state is how the others ended. */
function joinStates(outcomes: readonly ProfileOutcome[]): ProfileOutcome["state"] {
  const lasting = outcomes.filter(({ state }) => state !== "failed");
  return lasting[0]?.state ?? "failed";
}
