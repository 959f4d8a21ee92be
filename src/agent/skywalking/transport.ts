import { readFileSync } from "node:fs";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions, rootCertificates } from "node:tls";
import type { Interceptor, Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { oapAddress } from "../../model/backend_url.ts";
import { OapConnection } from "./oap_connection.ts";
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
  /** The address of this host by which it reaches the OAP; `""` before it did. */
  hostAddress(): string;
  close(): void;
}

/** An OAP's replies may hold the policies of many services. */
const messageLimitBytes = 32 * 1024 * 1024;

/**
 * Makes the agent's way to an OAP: gRPC over one HTTP/2 connection, which is made anew at the call after it was lost.
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
  const to = { host: hostname, port };
  const connection = new OapConnection(baseUrl, () => openSocket(to, tls ? files : undefined));
  const transport = createGrpcTransport({
    baseUrl,
    sessionManager: connection,
    interceptors: [explain(options.url), authenticate],
    acceptCompression: [],
    readMaxBytes: messageLimitBytes,
    writeMaxBytes: messageLimitBytes,
  });
  return {
    url: options.url,
    transport,
    hostAddress: () => connection.localAddress,
    close: () => connection.close(),
  };
}

function openSocket(to: { host: string; port: number }, tls: ConnectionOptions | undefined): Socket {
  return tls === undefined ? connectTcp(to) : connectTls({ ...to, ...tls, ALPNProtocols: ["h2"] });
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
