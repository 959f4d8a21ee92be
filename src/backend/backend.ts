import type { ConnectRouter } from "@connectrpc/connect";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Clock, systemClock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { AgentService } from "../gen/stakeout/v1/agent_service_pb.ts";
import { PolicyService } from "../gen/stakeout/v1/policy_service_pb.ts";
import { QueryService } from "../gen/stakeout/v1/query_service_pb.ts";
import { TaskService } from "../gen/stakeout/v1/task_service_pb.ts";
import { AgentDirectory } from "./agent_directory.ts";
import { CommandDesk } from "./command_desk.ts";
import { createAgentService } from "./agent_service.ts";
import type { Assets } from "./assets.ts";
import { Authenticator, type Token } from "./auth.ts";
import { ChangeFeed } from "./change_feed.ts";
import { createErrorInterceptor } from "./error_interceptor.ts";
import { type GrpcListener, listenGrpc } from "./grpc_listener.ts";
import { Health } from "./health.ts";
import { createHttpHandler } from "./http_handler.ts";
import { IngestCounters } from "./ingest_counters.ts";
import { describeListenError, formatAddress, isLoopback, type ListenAddress } from "./listen_address.ts";
import { NetworkReader } from "./network/network_reader.ts";
import { PolicyBook } from "./policy_book.ts";
import { createPolicyService } from "./policy_service.ts";
import { MergeJobs } from "./profile/merge_jobs.ts";
import { ProfileReader } from "./profile/profile_reader.ts";
import { createQueryService } from "./query_service.ts";
import { ReportSink } from "./report_sink.ts";
import { createRequestGate } from "./request_gate.ts";
import { createRpcHandler } from "./rpc_handler.ts";
import { messageMaxBytes } from "./rpc_options.ts";
import { RoverWire } from "./skywalking/rover_wire.ts";
import { defaultRetention, type RetentionLimits } from "./store/retention.ts";
import { WorkerStore } from "./store/worker_store.ts";
import { createTaskService } from "./task_service.ts";

export interface BackendOptions extends ListenAddress {
  /** Folder of the database; undefined keeps everything in memory. */
  readonly stateFolder: string | undefined;
  readonly assets: Assets;
  /** At least one. */
  readonly tokens: readonly Token[];
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /** Where gRPC proper is served; nowhere when absent. */
  readonly grpcListen?: ListenAddress;
  /** DNS names that browsers may use beside loopback names and addresses. */
  readonly hostNames?: readonly string[];
  readonly logger: Logger;
  readonly version: string;
  readonly retention?: Partial<RetentionLimits>;
  readonly clock?: Clock;
  /** 10 s unless a test is in a hurry. */
  readonly heartbeatMs?: number;
}

/** A running backend. */
export interface Backend {
  /** Where browsers and agents reach it, without a path. */
  readonly url: string;
  /** Port of gRPC proper, when it is served. */
  readonly grpcPort: number | undefined;
  /** Ends streams, answers what is under way, closes the database cleanly. */
  close(): Promise<void>;
}

const closeMs = 5_000;

/**
 * Starts the backend: store, services, UI.
 *
 * @throws {Error} With the reason and the fix: the address, the certificate, the tokens, or the database (StoreError).
 */
export async function startBackend(options: BackendOptions): Promise<Backend> {
  refuseUnsafe(options);
  const { logger, stateFolder, clock = systemClock } = options;
  const limits = { ...defaultRetention, ...options.retention };
  const tls = await readTls(options.tls);
  if (stateFolder !== undefined) await Deno.mkdir(stateFolder, { recursive: true, mode: 0o700 });
  const path = stateFolder === undefined ? ":memory:" : `${stateFolder}/stakeout.db`;
  const store = await WorkerStore.open({ path, limits, logger });
  const jobs = new MergeJobs(store);
  const profiles = new ProfileReader(jobs);
  const networks = new NetworkReader(jobs, { store, clock });
  const shutdown = new AbortController();
  let grpc: GrpcListener | undefined;
  let rover: RoverWire | undefined;
  try {
    const agents = new AgentDirectory(clock);
    agents.load(await store.listAgents());
    const book = new PolicyBook(store);
    await book.reload();
    const feed = new ChangeFeed();
    const counters = new IngestCounters();
    const desk = new CommandDesk(agents);
    const sink = new ReportSink({ store, agents, feed, counters, clock });
    const shared = { store, agents, desk, book, feed, counters, sink, clock, limits, profiles, networks };
    const heartbeatMs = options.heartbeatMs ?? 10_000;

    function addRoutes(router: ConnectRouter): void {
      router.service(AgentService, createAgentService({ ...shared, heartbeatMs }));
      router.service(PolicyService, createPolicyService(shared));
      router.service(QueryService, createQueryService(shared));
      router.service(TaskService, createTaskService(shared));
    }

    const cookieName = `stakeout_${options.port}`;
    const authenticator = new Authenticator(options.tokens, cookieName);
    const rpcOptions = {
      interceptors: [createErrorInterceptor(logger)],
      requestGate: createRequestGate(authenticator),
      shutdownSignal: shutdown.signal,
      readMaxBytes: messageMaxBytes,
      writeMaxBytes: messageMaxBytes,
    };
    if (options.grpcListen !== undefined) {
      const wire = rover = await RoverWire.start({ ...shared, logger, signal: shutdown.signal });
      const addAll = (router: ConnectRouter) => {
        addRoutes(router);
        wire.addRoutes(router);
      };
      grpc = await listenGrpc(options.grpcListen, addAll, { ...rpcOptions, tls });
    }
    const handle = createHttpHandler({
      store,
      profiles,
      networks,
      health: new Health({ ...shared, version: options.version }),
      authenticator,
      assets: options.assets,
      hostNames: new Set([options.hostname, ...options.hostNames ?? []].map((name) => name.toLowerCase())),
      rpc: createRpcHandler(addRoutes, rpcOptions),
      logger,
    });
    const server = serve(options, tls, handle);
    const url = `${tls ? "https" : "http"}://${
      formatAddress({ hostname: options.hostname, port: server.addr.port })
    }`;
    return {
      url,
      grpcPort: grpc?.port,
      async close() {
        rover?.close();
        shutdown.abort(new ConnectError("The server is shutting down; try again", Code.Unavailable));
        await Promise.all([closeServer(server), grpc?.close()]);
        jobs.close();
        await store.close();
      },
    };
  } catch (error) {
    rover?.close();
    await grpc?.close();
    jobs.close();
    await store.close();
    throw error;
  }
}

function refuseUnsafe({ tokens, tls, grpcListen, ...address }: BackendOptions): void {
  if (tokens.length === 0) throw new Error("No token is given; name a token file with --token-file");
  for (const place of grpcListen === undefined ? [address] : [address, grpcListen]) {
    if (tls !== undefined || isLoopback(place.hostname)) continue;
    throw new Error(
      `${formatAddress(place)} can be reached from other machines, which needs TLS; ` +
        "give --tls-cert and --tls-key, or listen on 127.0.0.1",
    );
  }
}

async function readTls(files: BackendOptions["tls"]): Promise<{ cert: string; key: string } | undefined> {
  if (files === undefined) return undefined;
  async function read(file: string, flag: string): Promise<string> {
    try {
      return await Deno.readTextFile(file);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`Cannot read ${file}: ${reason}; give a PEM file with ${flag}`, { cause: error });
    }
  }
  return { cert: await read(files.certFile, "--tls-cert"), key: await read(files.keyFile, "--tls-key") };
}

function serve(
  { hostname, port }: ListenAddress,
  tls: { cert: string; key: string } | undefined,
  handle: (request: Request, peer: string) => Promise<Response>,
): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve({ hostname, port, ...tls, onListen() {} }, (request, { remoteAddr }) => {
      return handle(request, "hostname" in remoteAddr ? remoteAddr.hostname : "");
    });
  } catch (error) {
    throw describeListenError(error, { hostname, port }, "--listen");
  }
}

/** Waits for answers under way, but not for ever: a client that does not read must not hold up the end. */
async function closeServer(server: Deno.HttpServer): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, closeMs);
  await Promise.race([server.shutdown(), late]);
  clearTimeout(timer);
}
