import { type Client, createClient } from "@connectrpc/connect";
import { type Clock, systemClock } from "../../../lib/clock.ts";
import type { Logger } from "../../../lib/log.ts";
import { EBPFProfilingService } from "../../gen/skywalking/v3/ebpf_profiling_pb.ts";
import type { ProfileKind } from "../../model/policy.ts";
import type { Process } from "../../model/process.ts";
import type { CommandAnswer } from "../policy_sync.ts";
import { commandsNamed } from "./command.ts";
import type { OapHealth } from "./oap_health.ts";
import { nextDueMs } from "./schedule.ts";
import { type AskedTask, readAskedTask } from "./task_command.ts";
import type { OapTransport } from "./transport.ts";

const usualPollMs = 10_000;
const deadlineMs = 10_000;
/** As many as one profile takes in. */
const processesAtOnce = 2;
const mostWaiting = 100;
const mostKnown = 2_000;
const tryAgainMs = 5_000;

export interface AskedTasksOptions {
  readonly oap: OapTransport;
  readonly agentId: string;
  readonly health: OapHealth;
  readonly logger: Logger;
  /** Waits until it is time to look again, about a second. */
  readonly look: () => Promise<unknown>;
  /** Between two questions; 10 s when absent. */
  readonly pollMs?: number;
  readonly clock?: Clock;
  /** Why no profile of a kind can be taken here; undefined when it can. */
  readonly reasonAgainst: (kind: ProfileKind) => string | undefined;
  /** The processes that run here of these ids of the OAP. */
  readonly processesOf: (oapIds: readonly string[]) => { process: Process; oapId: string }[];
  /** Starts a profile, or tells why it cannot: it is tried again until its time is over. */
  readonly start: (
    asked: AskedTask,
    processes: readonly { process: Process; oapId: string }[],
    durationSeconds: number,
  ) => Promise<CommandAnswer>;
  /** Takes the sampling rules of a task of ours that runs, and lets it run so much longer; false when it has ended. */
  readonly change: (taskId: string, asked: AskedTask, longerSeconds: number) => boolean;
}

/** Processes of one task that wait for its time or for room. */
interface Waiting {
  readonly asked: AskedTask;
  readonly oapIds: readonly string[];
  readonly tryAtUnixMs: number;
}

/** A task of an OAP whose end is to come. */
interface Known {
  /** As it was told last. */
  asked: AskedTask;
  readonly oapIds: Set<string>;
  /** Tasks of ours that were started for it, and the processes that each was for. */
  started: readonly { readonly taskId: string; readonly oapIds: readonly string[] }[];
}

/**
 * Asks an OAP every 10 s for the profiles that its users want, and starts each at its time. Where as many run as may,
 * it waits for one to end and is shorter by that; what could not begin before its end is told in the log.
 *
 * A task that a user extends runs longer, under the rules of sampling that come with that. One that has ended here before
 * we heard of it goes on as another of ours; nothing else starts a task again.
 */
export class AskedTasks {
  readonly #options: AskedTasksOptions;
  readonly #pollMs: number;
  readonly #client: Client<typeof EBPFProfilingService>;
  readonly #clock: Clock;
  /** By the OAP's id. */
  readonly #known = new Map<string, Known>();
  #waiting: Waiting[] = [];
  #latestUpdateMs = 0;

  constructor(options: AskedTasksOptions) {
    this.#options = options;
    this.#pollMs = options.pollMs ?? usualPollMs;
    this.#client = createClient(EBPFProfilingService, options.oap.transport);
    this.#clock = options.clock ?? systemClock;
  }

  /** Asks until `signal` is aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { health, logger } = this.#options;
    let nextPollMs = 0;
    while (!signal.aborted) {
      if (performance.now() >= nextPollMs) {
        nextPollMs = nextDueMs(this.#pollMs);
        try {
          await this.#poll(signal);
          health.succeed("tasks");
        } catch (error) {
          if (signal.aborted) return;
          health.fail("tasks", error);
          nextPollMs = performance.now() + this.#pollMs * (1 + Math.random());
        }
      }
      try {
        await this.#startDue();
      } catch (error) {
        logger.error("A profile that the OAP asks for could not be started", { error });
      }
      await this.#options.look();
    }
  }

  async #poll(signal: AbortSignal): Promise<void> {
    const { agentId: roverInstanceId, logger } = this.#options;
    const request = { roverInstanceId, latestUpdateTime: BigInt(this.#latestUpdateMs) };
    const answer = await this.#client.queryTasks(request, { signal, timeoutMs: deadlineMs });
    for (const command of commandsNamed(answer, "EBPFProfilingTaskQuery", logger)) {
      const asked = readAskedTask(command);
      if (typeof asked === "string") {
        logger.warn("A profile that the OAP asks for is not taken", { reason: asked });
      } else this.#take(asked);
    }
  }

  #take(asked: AskedTask): void {
    this.#latestUpdateMs = Math.max(this.#latestUpdateMs, asked.updatedUnixMs);
    this.#forgetEnded();
    // An agent that has just started is told of all that were ever asked for.
    if (endOf(asked) <= this.#clock.nowUnixMs()) return;
    const before = this.#known.get(asked.taskId);
    if (before === undefined || asked.updatedUnixMs > before.asked.updatedUnixMs) this.#logProblems(asked);
    if (before !== undefined) this.#update(before, asked);
    const known = before ?? { asked, oapIds: new Set(), started: [] };
    this.#known.set(asked.taskId, known);
    const ids = asked.processIds.filter((id) => !known.oapIds.has(id));
    for (const id of ids) known.oapIds.add(id);
    // A network profile covers the whole instance of its processes, and lasts while one of the first two lives.
    if (asked.kind === "network") {
      if (before === undefined) this.#wait(asked, ids);
      return;
    }
    // One command a process: those of one task are profiled together as far as that goes.
    const open = this.#waiting.find((one) =>
      one.asked.taskId === asked.taskId && one.oapIds.length + ids.length <= processesAtOnce
    );
    if (open !== undefined) {
      this.#waiting = this.#waiting.map((one) =>
        one === open ? { ...one, oapIds: [...one.oapIds, ...ids] } : one
      );
      return;
    }
    for (let from = 0; from < ids.length; from += processesAtOnce) {
      this.#wait(asked, ids.slice(from, from + processesAtOnce));
    }
  }

  #forgetEnded(): void {
    const nowUnixMs = this.#clock.nowUnixMs();
    for (const [taskId, { asked }] of this.#known) {
      if (endOf(asked) <= nowUnixMs || this.#known.size > mostKnown) this.#known.delete(taskId);
    }
  }

  #logProblems({ taskId, sampling: { problems } }: AskedTask): void {
    for (const reason of problems) {
      this.#options.logger.warn("A profile that the OAP asks for is taken with fewer samples", {
        oapTask: taskId,
        reason,
      });
    }
  }

  /** Takes in what a user changed of a task. */
  #update(known: Known, asked: AskedTask): void {
    if (asked.updatedUnixMs <= known.asked.updatedUnixMs) return;
    const longerSeconds = Math.max(0, asked.durationSeconds - known.asked.durationSeconds);
    const changed = { ...asked, durationSeconds: known.asked.durationSeconds + longerSeconds };
    known.asked = changed;
    this.#waiting = this.#waiting.map((one) =>
      one.asked.taskId === asked.taskId ? { ...one, asked: changed } : one
    );
    known.started = known.started.filter(({ taskId, oapIds }) => {
      const runs = this.#options.change(taskId, changed, longerSeconds);
      if (!runs && longerSeconds > 0) this.#wait(changed, oapIds);
      return runs || longerSeconds === 0;
    });
  }

  #wait(asked: AskedTask, oapIds: readonly string[]): void {
    if (this.#waiting.length >= mostWaiting) return;
    this.#waiting.push({ asked, oapIds, tryAtUnixMs: asked.startUnixMs });
  }

  async #startDue(): Promise<void> {
    const nowUnixMs = this.#clock.nowUnixMs();
    const due = this.#waiting.filter(({ tryAtUnixMs }) => tryAtUnixMs <= nowUnixMs);
    this.#waiting = this.#waiting.filter(({ tryAtUnixMs }) => tryAtUnixMs > nowUnixMs);
    for (const waiting of due) {
      const { asked, oapIds } = waiting;
      const answer = await this.#tryStart(waiting, nowUnixMs);
      if ("taskId" in answer) {
        const known = this.#known.get(asked.taskId);
        if (known !== undefined) known.started = [...known.started, { taskId: answer.taskId, oapIds }];
        continue;
      }
      const tryAtUnixMs = nowUnixMs + tryAgainMs;
      if (this.#options.reasonAgainst(asked.kind) === undefined && tryAtUnixMs < endOf(asked)) {
        this.#waiting.push({ ...waiting, tryAtUnixMs });
      } else {
        this.#options.logger.warn("A profile that the OAP asks for is not taken", {
          oapTask: asked.taskId,
          reason: answer.refused,
        });
      }
    }
  }

  async #tryStart({ asked, oapIds }: Waiting, nowUnixMs: number): Promise<CommandAnswer> {
    const { processesOf, start, reasonAgainst } = this.#options;
    const unsupported = reasonAgainst(asked.kind);
    if (unsupported !== undefined) return { refused: unsupported };
    const processes = processesOf(oapIds).slice(0, processesAtOnce);
    if (processes.length === 0) return { refused: "its processes do not run here" };
    const leftSeconds = Math.floor((endOf(asked) - nowUnixMs) / 1000);
    return await start(asked, processes, Math.max(1, Math.min(asked.durationSeconds, leftSeconds)));
  }
}

function endOf({ startUnixMs, durationSeconds }: AskedTask): number {
  return startUnixMs + durationSeconds * 1000;
}
