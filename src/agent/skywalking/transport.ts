import { readFileSync } from "node:fs";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions, rootCertificates } from "node:tls";
import type { Interceptor, Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { oapAddress } from "../../model/backend_url.ts";
import { explain } from "./oap_error.ts";

export interface OapOptions {
  /** `skywalking://` or, with TLS, `skywalkings://`, host and port. */
  readonly url: string;
  /** Sent as `Authentication`; `""` for none. */
  readonly token: string;
  /** PEM files; `""` where not given. Certificate and key are the agent's own, for mutual TLS. */
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** A way to an OAP; `close` ends its connection and what is under way on it. */
export interface OapTransport {
  readonly url: string;
  readonly transport: Transport;
  close(): void;
}

/** An OAP's replies may hold the policies of many services. */
const messageLimitBytes = 32 * 1024 * 1024;
const pingIntervalMs = 20_000;
const pingTimeoutMs = 10_000;
const idleMs = 15 * 60_000;

/**
 * Makes the agent's way to an OAP: gRPC over one HTTP/2 connection, which is made anew at the call after it was lost. A ping
 * every 20 s finds out that it is dead.
 * Limits: messages end at 32 MiB both ways; a longer one is an error and is not read on.
 * @throws {Error} when one of the files cannot be read, or a certificate is given without its key
 */
export function createOapTransport(options: OapOptions): OapTransport {
  const { hostname, port, tls } = oapAddress(options.url);
  const files = tls ? readTlsFiles(options) : {};
  const authenticate: Interceptor = (next) => (request) => {
    if (options.token !== "") request.header.set("Authentication", options.token);
    return next(request);
  };
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  const baseUrl = `${tls ? "https" : "http"}://${host}:${port}`;
  const sessions = new HeardSessions(baseUrl, {
    ...{ pingIntervalMs, pingTimeoutMs, pingIdleConnection: true, idleConnectionTimeoutMs: idleMs },
  }, { createConnection: () => connect({ host: hostname, port }, tls ? files : undefined) });
  const transport = createGrpcTransport({
    baseUrl,
    sessionManager: sessions,
    interceptors: [explain(options.url), authenticate],
    acceptCompression: [],
    readMaxBytes: messageLimitBytes,
    writeMaxBytes: messageLimitBytes,
  });
  return { url: options.url, transport, close: () => sessions.abort() };
}

/**
 * Sessions whose late errors are heard: after the first one, the manager listens no more, and an error that nobody
 * listens to ends the whole program. A server that refuses a client's certificate brings about two.
 */
class HeardSessions extends Http2SessionManager {
  override async request(...request: Parameters<Http2SessionManager["request"]>) {
    const stream = await super.request(...request);
    const { session } = stream;
    if (session !== undefined && !session.listeners("error").includes(ignore)) session.on("error", ignore);
    return stream;
  }
}

function ignore(): void {}

function connect(to: { host: string; port: number }, tls: ConnectionOptions | undefined): Socket {
  const socket = tls === undefined ? connectTcp(to) : connectTls({ ...to, ...tls, ALPNProtocols: ["h2"] });
  return socket.on("error", ignore);
}

function readTlsFiles({ caFile, certFile, keyFile }: OapOptions): ConnectionOptions {
  if ((certFile === "") !== (keyFile === "")) {
    throw new Error(
      "A client certificate needs its key, and the other way round; set tls.cert_file and tls.key_file",
    );
  }
  return {
    ...(caFile === "" ? {} : { ca: [...rootCertificates, read(caFile)] }),
    ...(certFile === "" ? {} : { cert: read(certFile), key: read(keyFile) }),
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}
