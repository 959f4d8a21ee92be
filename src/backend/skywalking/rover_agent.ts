import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Clock } from "../../../lib/clock.ts";
import type { Logger } from "../../../lib/log.ts";
import { type AgentInfo, AgentInfoSchema, RecordSchema } from "../../gen/stakeout/v1/agent_service_pb.ts";
import { TaskState } from "../../gen/stakeout/v1/task_pb.ts";
import { oapMonitors } from "../../model/skywalking.ts";
import type { PolicyBook } from "../policy_book.ts";
import type { ReportSink } from "../report_sink.ts";
import { type Expression, expressPolicies } from "./express_policies.ts";
import { namesKey, type RoverNames, type RoverProcess } from "./rover_process.ts";
import type { RecordBody } from "./record_body.ts";
import type { RoverTask } from "./rover_task.ts";

export interface RoverAgentOptions {
  readonly sink: ReportSink;
  readonly book: PolicyBook;
  readonly clock: Clock;
  readonly logger: Logger;
}

const noExpression: Expression = { services: new Map(), refused: [], matches: [] };

/** One host's agent of SkyWalking, kept as an agent of ours: what it sends becomes reports of our own kind. */
export class RoverAgent {
  readonly processes = new Map<string, RoverProcess>();
  readonly tasks = new Map<string, RoverTask>();
  /** Until when a kind of task of a process stays silent; see silence.ts. */
  readonly silentUntilMs = new Map<string, number>();
  /** The uuid of the policy that it holds, by service, as it last said. */
  readonly heldUuids = new Map<string, string>();
  /** Second of the newest value of a gauge, by the process's id, none for the host's, and the metric. */
  readonly lastSeconds = new Map<string, number>();
  readonly #options: RoverAgentOptions;
  readonly #byNames = new Map<string, RoverProcess[]>();
  #info: AgentInfo;
  #expression = noExpression;
  #setVersion = 0;
  #hostLoad = 0;
  #sequence: number | undefined;
  #reporting: Promise<void> = Promise.resolve();
  seenAtMs: number;

  constructor(info: MessageInitShape<typeof AgentInfoSchema>, options: RoverAgentOptions) {
    this.#info = create(AgentInfoSchema, info);
    this.#options = options;
    this.seenAtMs = options.clock.nowUnixMs();
  }

  get info(): AgentInfo {
    return this.#info;
  }

  get expression(): Expression {
    return this.#expression;
  }

  get runningTasks(): RoverTask[] {
    return [...this.tasks.values()].filter(({ task }) => task.state === TaskState.RUNNING);
  }

  /** The agent was started anew: it has another id of its own, and holds no policies. */
  restarted(bootId: string): void {
    this.#info = create(AgentInfoSchema, { ...this.#info, bootId });
    this.heldUuids.clear();
  }

  /** Adds a process, or what is newly known of it. */
  putProcess(process: RoverProcess): void {
    process.use = this.processes.get(process.id)?.use ?? process.use;
    this.#unlist(process.id);
    this.processes.set(process.id, process);
    const key = namesKey(process);
    this.#byNames.set(key, [process, ...this.#byNames.get(key) ?? []]);
  }

  removeProcess(id: string): void {
    this.#unlist(id);
    for (const { metric } of oapMonitors) this.lastSeconds.delete(`${id} ${metric}`);
  }

  #unlist(id: string): void {
    const process = this.processes.get(id);
    if (process === undefined) return;
    this.processes.delete(id);
    const key = namesKey(process);
    const others = (this.#byNames.get(key) ?? []).filter((one) => one.id !== id);
    if (others.length === 0) this.#byNames.delete(key);
    else this.#byNames.set(key, others);
  }

  /** All processes of these names, the last reported first. */
  named(names: RoverNames): readonly RoverProcess[] {
    return this.#byNames.get(namesKey(names)) ?? [];
  }

  set hostLoad(load: number) {
    this.#hostLoad = load;
  }

  /** Puts the policies into SkyWalking's terms anew, after they or the processes changed. */
  express(): void {
    const { book } = this.#options;
    this.#expression = expressPolicies(book.entries, [...this.processes.values()], this.#info.host);
  }

  /** What our agents say of themselves every ten seconds. */
  statusBody(): RecordBody {
    const { book, clock } = this.#options;
    const { services, refused, matches } = this.#expression;
    const holds = [...services].every(([service, { uuid }]) => this.heldUuids.get(service) === uuid);
    if (holds) this.#setVersion = book.setVersion;
    return {
      case: "status",
      value: {
        atUnixMs: BigInt(clock.nowUnixMs()),
        setVersion: BigInt(this.#setVersion),
        refused: [...refused],
        matches: [...matches],
        processes: this.processes.size,
        watchedProcesses: new Set(matches.flatMap(({ processIds }) => processIds)).size,
        runningTasks: this.runningTasks.length,
        hostLoad: this.#hostLoad,
      },
    };
  }

  /** Stores records, after those of earlier calls. */
  async report(bodies: readonly RecordBody[]): Promise<void> {
    if (bodies.length === 0) return;
    const sent = this.#reporting.then(() => this.#send(bodies));
    this.#reporting = sent.catch(() => {});
    await sent;
  }

  async #send(bodies: readonly RecordBody[]): Promise<void> {
    const { sink, logger } = this.#options;
    // The store knows how far an earlier run of this backend came.
    this.#sequence ??= (await sink.put(this.#info, [])).acknowledged;
    const records = bodies.map((body) => create(RecordSchema, { sequence: BigInt(++this.#sequence!), body }));
    const { refusals } = await sink.put(this.#info, records);
    for (const { reason } of refusals) {
      logger.warn("A report of SkyWalking's agent is left out", { agent: this.#info.agentId, reason });
    }
  }
}
