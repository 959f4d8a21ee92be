import { create } from "@bufbuild/protobuf";
import type { Logger } from "../../lib/log.ts";
import type { KernelClock } from "../../lib/sys/kernel_clock.ts";
import { type AgentStatus, AgentStatusSchema } from "../gen/stakeout/v1/agent_service_pb.ts";
import type { ProfileKind } from "../model/policy.ts";
import type { Process } from "../model/process.ts";
import type { Budget } from "./budget.ts";
import type { HttpMonitor } from "./http/http_monitor.ts";
import { takeHttpTraffic } from "./http/http_traffic.ts";
import { Inventory } from "./inventory.ts";
import { maxColumnSeconds, readMetricColumns } from "./metric_columns.ts";
import type { Pipeline } from "./pipeline.ts";
import type { PolicyBook } from "./policy_book.ts";
import type { CommandAnswer, PolicyText } from "./policy_sync.ts";
import type { Snapshot } from "./probe/process_snapshot.ts";
import type { RecordBody } from "./report_wire.ts";
import { sleepUntil } from "./sleep_until.ts";
import type { TaskRunner } from "./task_runner.ts";
import type { ManualStart, Refusal, Trigger } from "./trigger.ts";
import { toWireRefusal } from "./wire.ts";

/** How often what is reported; multiples of a tick. */
const inventoryEverySeconds = 5;
const statusEverySeconds = 10;
/** A tick is taken this long after its second is over, so that a timer that fires early still closes it. */
const tickDelayNs = 2e6;

/** What an agent is built of; whoever builds it ends the parts afterwards. */
export interface AgentParts {
  readonly clock: KernelClock;
  readonly logger: Logger;
  readonly snapshots: { read(): Snapshot };
  readonly pipeline: Pipeline;
  readonly book: PolicyBook;
  readonly http: HttpMonitor;
  readonly trigger: Trigger;
  readonly tasks: TaskRunner;
  readonly budget: Budget;
  /** Takes every record to be reported. Never rejects. */
  readonly emit: (body: RecordBody) => Promise<unknown>;
  /** Seconds of metrics in one record, at most 60: it is made when the clock reaches a multiple. */
  readonly metricsEverySeconds: number;
  /** What the status says of the queue. */
  readonly queue: () => Pick<
    AgentStatus,
    "droppedMetrics" | "droppedRefusals" | "droppedProfiles" | "droppedTasks" | "queueBytes"
  >;
  /** What does not work on this host, one sentence each. */
  readonly problems: () => readonly string[];
  readonly hostLoad: () => number;
  /** Called after tasks were started: silence has to outlive the agent. */
  readonly onStarts: () => void;
}

/** The agent: once a second a snapshot goes through the pipeline; what comes of it is started and reported. */
export class Agent {
  readonly #parts: AgentParts;
  readonly #inventory = new Inventory();
  readonly #unixMs: (atBootNs: number) => number;
  #reportedSecond = 0;
  #measuredSecond = 0;
  #statusDue = false;
  #droppedMetrics = 0n;
  #ticked = Promise.withResolvers<void>();

  constructor(parts: AgentParts) {
    this.#parts = parts;
    this.#unixMs = (atBootNs) => parts.clock.unixMs(atBootNs);
  }

  /** Reads who runs on this host; afterwards policies can be set and the agent run. */
  async start(): Promise<void> {
    const { snapshots, pipeline } = this.#parts;
    const { atBootNs, records } = snapshots.read();
    this.#inventory.apply(await pipeline.start(atBootNs, records));
    this.#reportedSecond = this.#measuredSecond = pipeline.second;
  }

  /** Judges by these policies from now on. `fresh` says that the backend may know nothing of this host. */
  setPolicies(setVersion: number, texts: readonly PolicyText[], fresh: boolean): void {
    const { pipeline, logger } = this.#parts;
    pipeline.setPolicies(setVersion, texts);
    for (const { policy, path, reason } of pipeline.refusals()) {
      logger.warn(`Policy ${policy} is not carried out in full`, { path, reason });
    }
    if (fresh) this.#inventory.restart();
    this.#statusDue = true;
  }

  /** Ends a task early; what it took until then is kept. Nothing when it does not run here. */
  stopTask(id: string): void {
    this.#parts.tasks.stop(id);
  }

  /** Why no task of this kind can start here, whatever else runs; undefined when it can. */
  reasonAgainst(kind: ProfileKind): string | undefined {
    return this.#parts.trigger.reasonAgainst(kind);
  }

  /** Starts a task that somebody asks for; the answer tells which, or why not. A refusal is recorded as well. */
  startTask(request: Omit<ManualStart, "processes"> & { processIds: readonly string[] }): CommandAnswer {
    const { pipeline, trigger, tasks, budget, onStarts, clock } = this.#parts;
    const { processIds, kinds, durationSeconds, frequencyHz } = request;
    const inRange = processIds.length >= 1 && processIds.length <= 2 && kinds.length >= 1 &&
      durationSeconds >= 1 && durationSeconds <= 3_600 && frequencyHz >= 1 && frequencyHz <= 999;
    if (!inRange) return { refused: "The backend asks for what no task can be; update both to one version" };
    const processes = processIds.map((id) => pipeline.discovery.find(id)?.process);
    const gone = processIds.find((_, index) => processes[index] === undefined);
    if (gone !== undefined) return { refused: `Process ${gone} does not run on this host any more` };
    const start: ManualStart = { ...request, processes: processes as Process[] };
    const exceeded = budget.exceeded();
    const decision = trigger.admitManual(
      start,
      exceeded === undefined ? undefined : `No task starts: ${exceeded}`,
    );
    if (!("id" in decision)) {
      const atBootNs = clock.bootNs();
      this.#refuse({
        ...{
          key: `by hand ${atBootNs}`,
          policy: "",
          count: 1,
          firstAtBootNs: atBootNs,
          lastAtBootNs: atBootNs,
        },
        ...{ process: start.processes[0]!, ...decision },
      });
      return { refused: decision.message };
    }
    tasks.start(decision);
    onStarts();
    return { taskId: decision.id };
  }

  /** Lets a task run longer. */
  extendTask(id: string, seconds: number): CommandAnswer {
    const refused = this.#parts.tasks.extend(id, seconds);
    return refused === undefined ? { taskId: id } : { refused };
  }

  /** Resolves after the next tick, or when the agent ends: for looks that need no timer, and no wake-up, of their own. */
  nextTick(): Promise<void> {
    return this.#ticked.promise;
  }

  /** Ticks on whole seconds of CLOCK_BOOTTIME until `signal` aborts, then ends all tasks. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, tasks } = this.#parts;
    this.#report(this.#parts.pipeline.second, clock.bootNs());
    while (!signal.aborted) {
      const second = Math.floor(clock.bootNs() / 1e9) + 1;
      await sleepUntil(second * 1e9 + tickDelayNs, clock, signal);
      if (signal.aborted) break;
      try {
        this.#tick();
      } catch (error) {
        logger.error("A tick failed", { error });
      }
      this.#ticked.resolve();
      this.#ticked = Promise.withResolvers();
    }
    this.#ticked.resolve();
    await tasks.stopAll();
    this.#reportMetrics(this.#parts.pipeline.second);
  }

  #tick(): void {
    const { snapshots, pipeline, budget, tasks, onStarts } = this.#parts;
    const { atBootNs, records } = snapshots.read();
    const exceeded = budget.exceeded();
    const overBudget = exceeded === undefined ? undefined : `No task starts: ${exceeded}`;
    const { changes, matchesChanged, outcome } = pipeline.tick(atBootNs, records, overBudget);
    this.#inventory.apply(changes);
    if (matchesChanged) this.#statusDue = true;
    for (const plan of outcome.starts) tasks.start(plan);
    if (outcome.starts.length > 0) onStarts();
    for (const refusal of outcome.refusals) this.#refuse(refusal);
    this.#report(pipeline.second, atBootNs);
  }

  #refuse(refusal: Refusal): void {
    const { policy, reason, message, count } = refusal;
    if (count === 1) this.#parts.logger.info("Task refused", { policy, reason, message });
    void this.#parts.emit({ case: "refusal", value: toWireRefusal(refusal, this.#unixMs) });
  }

  #report(second: number, atBootNs: number): void {
    const { clock, budget, queue, emit } = this.#parts;
    const { metricsEverySeconds: every } = this.#parts;
    if (Math.floor((second + 1) / every) > Math.floor((this.#reportedSecond + 1) / every)) {
      this.#reportMetrics(second);
    }
    if (second - this.#measuredSecond >= statusEverySeconds) {
      this.#reportTraffic(this.#measuredSecond, second, atBootNs);
      this.#measuredSecond = second;
      clock.measureOffset();
      budget.measure(atBootNs);
      this.#statusDue = true;
    }
    if (second % inventoryEverySeconds === 0 || this.#statusDue) {
      const { droppedMetrics } = queue();
      // A dropped delta leaves the backend with a wrong picture: the next one is whole.
      if (droppedMetrics !== this.#droppedMetrics) this.#inventory.restart();
      this.#droppedMetrics = droppedMetrics;
      const value = this.#inventory.takeDelta(atBootNs, this.#unixMs);
      if (value !== undefined) void emit({ case: "inventory", value });
    }
    if (this.#statusDue) {
      this.#statusDue = false;
      void emit({ case: "status", value: this.#makeStatus(atBootNs) });
    }
  }

  #reportMetrics(second: number): void {
    const from = Math.max(this.#reportedSecond + 1, second - maxColumnSeconds + 1);
    if (from > second) return;
    const value = readMetricColumns(this.#parts.pipeline.windows, from, second, this.#unixMs);
    this.#reportedSecond = second;
    if (value !== undefined) void this.#parts.emit({ case: "metrics", value });
  }

  /** HTTP of the slots after `fromSecond`, up to and with `second`. */
  #reportTraffic(fromSecond: number, second: number, atBootNs: number): void {
    const startUnixMs = this.#unixMs((fromSecond + 1) * 1e9);
    const span = { startUnixMs, seconds: second - fromSecond, atBootNs };
    for (const value of takeHttpTraffic(this.#parts.http, span)) {
      void this.#parts.emit({ case: "http", value });
    }
  }

  #makeStatus(atBootNs: number): AgentStatus {
    const { pipeline, book, budget, tasks, queue, problems, hostLoad } = this.#parts;
    return create(AgentStatusSchema, {
      atUnixMs: BigInt(Math.round(this.#unixMs(atBootNs))),
      setVersion: BigInt(book.setVersion),
      refused: pipeline.refusals().map(({ policy, path, reason }) => ({ policy, path, reason })),
      matches: pipeline.matches(),
      cpuPercent: budget.cost.cpuPercent,
      rssBytes: BigInt(budget.cost.rssBytes),
      processes: pipeline.discovery.size,
      watchedProcesses: pipeline.watchedProcesses,
      runningTasks: tasks.tasks.length,
      problems: [...problems()],
      hostLoad: hostLoad(),
      ...queue(),
    });
  }
}
