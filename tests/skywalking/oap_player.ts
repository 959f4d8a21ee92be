import { constants, type ServerHttp2Stream } from "node:http2";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { repositoryRoot } from "../../scripts/command.ts";
import type {
  Commands,
  MeterCollection,
  PingList,
  PolicyQuery,
  ProcessReportList,
  ProfilingDatum,
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

/** What a call ends with; `"silence"` answers nothing for ever. */
export type Reply<T> = T | grpc.ServiceError | Partial<grpc.StatusObject> | "silence";

/** Answers of a test, in place of those an OAP would give. */
export interface Overrides {
  queryPolicies?: (query: PolicyQuery) => Reply<Commands> | undefined;
  reportProfilingTask?: (report: TaskReport) => Reply<Commands> | undefined;
  queryTasks?: (query: TaskQuery) => Reply<Commands> | undefined;
  reportProcesses?: (list: ProcessReportList) => Reply<object> | undefined;
  /** Called before a message of a stream is kept; true resets the stream in its middle. */
  breaksStream?: () => boolean;
  /** Called when a stream has been kept whole; true loses the answer. */
  losesAnswer?: () => boolean;
}

const files = ["ebpf_process", "continuous_profiling", "ebpf_profiling", "meter"];
const definitions = loadSync(files.map((file) => `skywalking/v3/${file}.proto`), {
  ...{ includeDirs: [`${repositoryRoot}/proto`], keepCase: true, longs: Number, enums: String },
  ...{ defaults: true, arrays: true, oneofs: true },
});

type Unary = grpc.ServerUnaryCall<unknown, unknown>;
type Stream = grpc.ServerReadableStream<unknown, unknown>;
type Answer = grpc.sendUnaryData<unknown>;

/**
 * Plays an OAP with grpc-js and protobufjs, which share no code with the agent's side. It is no OAP: it does what facts
 * about OAP's sources say, and knows the agent only by what comes over the wire.
 */
export class OapPlayer implements AsyncDisposable {
  readonly store: OapStore;
  readonly overrides: Overrides = {};
  /** Every call, by its method. */
  readonly calls: string[] = [];
  readonly queries: PolicyQuery[] = [];
  readonly port: number;
  readonly #server: grpc.Server;

  private constructor(server: grpc.Server, store: OapStore, port: number) {
    this.#server = server;
    this.store = store;
    this.port = port;
  }

  static async start(options: PlayerOptions = {}): Promise<OapPlayer> {
    const { cacheSeconds = 0, skipsKnown = true } = options;
    const server = new grpc.Server({ "grpc.max_receive_message_length": 50 * 1024 * 1024 });
    const store = options.store ?? new OapStore({ cacheSeconds, skipsKnown });
    const bound = Promise.withResolvers<number>();
    const credentials = grpc.ServerCredentials.createInsecure();
    const player: { one?: OapPlayer } = {};
    for (const [service, methods] of Object.entries(implement(() => player.one!, options))) {
      if (options.missing?.includes(service)) continue;
      const definition = definitions[`skywalking.v3.${service}`] as grpc.ServiceDefinition;
      server.addService(definition, methods as grpc.UntypedServiceImplementation);
    }
    server.bindAsync(`127.0.0.1:${options.port ?? 0}`, credentials, (error, port) => {
      if (error === null) bound.resolve(port);
      else bound.reject(error);
    });
    return player.one = new OapPlayer(server, store, await bound.promise);
  }

  get url(): string {
    return `skywalking://127.0.0.1:${this.port}`;
  }

  /** Ends all connections at once, as a process does that is killed. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
    return Promise.resolve();
  }
}

/** Methods by service. */
function implement(player: () => OapPlayer, { token }: PlayerOptions) {
  function unary<T>(name: keyof Overrides, answer: (player: OapPlayer, request: T) => object) {
    return (call: Unary, done: Answer) => {
      const one = player();
      if (refuses(call.metadata, done)) return;
      one.calls.push(name);
      const override = one.overrides[name] as ((request: T) => Reply<object> | undefined) | undefined;
      const reply = override?.(call.request as T) ?? answer(one, call.request as T);
      if (reply === "silence") return;
      if ("code" in reply) done(reply as Partial<grpc.StatusObject>);
      else done(null, reply);
    };
  }
  function clientStream<T>(name: string, take: (player: OapPlayer) => (message: T) => void) {
    return (call: Stream, done: Answer) => {
      const one = player();
      if (refuses(call.metadata, done)) return;
      one.calls.push(name);
      const takeOne = take(one);
      let isOver = false;
      call.on("data", (message: T) => {
        if (isOver) return;
        isOver = one.overrides.breaksStream?.() ?? false;
        if (isOver) resetStream(call);
        else takeOne(message);
      });
      call.on("error", () => isOver = true);
      call.on("end", () => {
        if (isOver) return;
        if (one.overrides.losesAnswer?.()) resetStream(call);
        else done(null, { commands: [] });
      });
    };
  }
  function refuses(metadata: grpc.Metadata, done: Answer): boolean {
    const refused = token !== undefined && metadata.get("authentication")[0] !== token;
    if (refused) done({ code: grpc.status.PERMISSION_DENIED, details: "illegal token" });
    return refused;
  }
  return {
    EBPFProcessService: {
      reportProcesses: unary<ProcessReportList>(
        "reportProcesses",
        ({ store }, list) => store.reportProcesses(list),
      ),
      keepAlive: unary<PingList>("keepAlive" as keyof Overrides, ({ store }, { processes, ebpfAgentID }) => {
        store.agentIds.add(ebpfAgentID);
        store.beats.push(processes.map(({ entityMetadata }) => entityMetadata));
        return { commands: [] };
      }),
    },
    ContinuousProfilingService: {
      queryPolicies: unary<PolicyQuery>("queryPolicies", ({ store, queries }, query) => {
        queries.push(query);
        return store.queryPolicies(query);
      }),
      reportProfilingTask: unary<TaskReport>(
        "reportProfilingTask",
        ({ store }, report) => store.reportTask(report),
      ),
    },
    EBPFProfilingService: {
      queryTasks: unary<TaskQuery>("queryTasks", () => ({ commands: [] })),
      collectProfilingData: clientStream<ProfilingDatum>("collectProfilingData", ({ store }) => {
        let task: ProfilingDatum["task"];
        return (datum) => task = store.addStacks(datum, task);
      }),
    },
    MeterReportService: {
      collectBatch: clientStream<MeterCollection>("collectBatch", ({ store }) => ({ meterData }) => {
        store.meters.push(...meterData);
      }),
    },
  };
}

/** Sends RST_STREAM with no status before it: grpc-js has no call for what a server does that dies. */
function resetStream(call: Stream): void {
  const { stream } = (call as unknown as { call: { stream: ServerHttp2Stream } }).call;
  stream.close(constants.NGHTTP2_INTERNAL_ERROR);
}
