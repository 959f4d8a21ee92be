import { repositoryRoot } from "../../scripts/command.ts";
import { bundleForNode } from "./bundle_for_node.ts";
import type { Answer, Question } from "./grpc_bridge.ts";
import type {
  Commands,
  Log,
  MeterCollection,
  PingList,
  PolicyQuery,
  ProcessReportList,
  ProfilingDatum,
  SpanEvent,
  TaskQuery,
  TaskReport,
} from "./oap_messages.ts";
import { OapStore, type StoreOptions } from "./oap_store.ts";

/** How the OAP that is played behaves; each call may be answered by the test instead. */
export interface PlayerOptions extends Partial<StoreOptions> {
  readonly port?: number;
  /** What `Authentication` must say; nothing when absent. */
  readonly token?: string;
  readonly store?: OapStore;
  /** Services that this OAP does not have. */
  readonly missing?: readonly string[];
}

/** A status of gRPC. */
export interface Status {
  readonly code: number;
  readonly details: string;
}

/** What a call ends with; `"silence"` answers nothing for ever. */
export type Reply<T> = T | Status | "silence" | undefined;

/** Answers of a test, in place of those an OAP would give; undefined lets the OAP answer. */
export interface Overrides {
  queryPolicies?: (query: PolicyQuery) => Reply<Commands>;
  reportProfilingTask?: (report: TaskReport) => Reply<Commands>;
  queryTasks?: (query: TaskQuery) => Reply<Commands>;
  reportProcesses?: (list: ProcessReportList) => Reply<object>;
  keepAlive?: (list: PingList) => Reply<Commands>;
  /** Called before a message of a stream is kept; true resets the stream in its middle. */
  breaksStream?: () => boolean;
  /** Called when a stream has been kept whole; true loses the answer. */
  losesAnswer?: () => boolean;
}

const services = [
  ...["EBPFProcessService", "ContinuousProfilingService", "EBPFProfilingService", "MeterReportService"],
  ...["LogReportService", "SpanAttachedEventReportService"],
];
const permissionDenied: Status = { code: 7, details: "illegal token" };

/**
 * Plays an OAP, with Node's HTTP/2, grpc-js and protobufjs in front, which share no code with the agent. It is no OAP: it
 * does what facts about OAP's sources say, and knows the agent only by what comes over the wire.
 */
export class OapPlayer implements AsyncDisposable {
  readonly store: OapStore;
  readonly overrides: Overrides = {};
  /** Every call, by its method. */
  readonly calls: string[] = [];
  readonly queries: PolicyQuery[] = [];
  /** All that came, as lines of JSON. */
  readonly received: string[] = [];
  readonly #token: string | undefined;
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  /** Streams under way: the task that the next stack belongs to, and whether it was ended in its middle. */
  readonly #streams = new Map<number, { task: ProfilingDatum["task"]; isOver: boolean }>();
  readonly #port = Promise.withResolvers<number>();
  readonly #reading: Promise<void>;
  port = 0;

  private constructor(options: PlayerOptions, script: string) {
    const { cacheSeconds = 0, skipsKnown = true, port = 0, missing = [] } = options;
    this.store = options.store ?? new OapStore({ cacheSeconds, skipsKnown });
    this.#token = options.token;
    const offered = services.filter((service) => !missing.includes(service));
    this.#child = new Deno.Command("node", {
      args: [script, `${repositoryRoot}/proto`, String(port), ...offered],
      ...{ stdin: "piped", stdout: "piped", stderr: "inherit" },
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#reading = this.#read();
  }

  static async start(options: PlayerOptions = {}): Promise<OapPlayer> {
    const player = new OapPlayer(options, await bundleForNode("grpc_bridge"));
    player.port = await player.#port.promise;
    return player;
  }

  get url(): string {
    return `skywalking://127.0.0.1:${this.port}`;
  }

  /** Ends it as a process that is killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#child.status;
    await this.#reading;
    await this.#input.abort().catch(() => {});
  }

  async #read(): Promise<void> {
    let rest = "";
    for await (const part of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + part).split("\n");
      rest = lines.pop()!;
      this.received.push(...lines);
      for (const line of lines) this.#take(JSON.parse(line));
    }
    this.#port.reject(new Error("The gRPC server ended"));
    this.#port.promise.catch(() => {});
  }

  #take(question: Question): void {
    const { port, call, method, authentication, message, isStream } = question;
    if (port !== undefined) return this.#port.resolve(port);
    const isFirst = !isStream || !this.#streams.has(call) && message !== undefined;
    if (isFirst) this.calls.push(method);
    if (this.#token !== undefined && authentication !== this.#token) {
      return this.#answer({ call, ...permissionDenied });
    }
    if (isStream) return this.#takeOfStream(question);
    const override = this.overrides[method as "queryPolicies"] as
      | ((message: unknown) => Reply<object>)
      | undefined;
    const reply = override?.(message) ?? this.#reply(method, message);
    if (reply === "silence") return;
    this.#answer("code" in reply ? { call, ...reply as Status } : { call, reply });
  }

  #reply(method: string, message: unknown): object {
    switch (method) {
      case "reportProcesses":
        return this.store.reportProcesses(message as ProcessReportList);
      case "keepAlive":
        this.store.keepAlive(message as PingList);
        return { commands: [] };
      case "queryPolicies":
        this.queries.push(message as PolicyQuery);
        return this.store.queryPolicies(message as PolicyQuery);
      case "reportProfilingTask":
        return this.store.reportTask(message as TaskReport);
      case "queryTasks":
        return { commands: [] };
      default:
        return { code: 12, details: `unknown method ${method}` };
    }
  }

  #takeOfStream({ call, service, message }: Question): void {
    const stream = this.#streams.get(call) ?? { task: undefined, isOver: false };
    if (message === undefined) {
      this.#streams.delete(call);
      if (stream.isOver) return;
      this.#answer(
        this.overrides.losesAnswer?.() ? { call, reset: true } : { call, reply: { commands: [] } },
      );
      return;
    }
    this.#streams.set(call, stream);
    if (stream.isOver) return;
    if (this.overrides.breaksStream?.()) {
      stream.isOver = true;
      this.#answer({ call, reset: true });
      return;
    }
    switch (service) {
      case "MeterReportService":
        this.store.meters.push(...(message as MeterCollection).meterData);
        break;
      case "LogReportService":
        this.store.logs.push(message as Log);
        break;
      case "SpanAttachedEventReportService":
        this.store.spanEvents.push(message as SpanEvent);
        break;
      default:
        stream.task = this.store.addStacks(message as ProfilingDatum, stream.task);
    }
  }

  #answer(answer: Answer): void {
    this.#input.write(new TextEncoder().encode(`${JSON.stringify(answer)}\n`)).catch(() => {});
  }
}
