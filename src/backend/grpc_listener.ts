import type { ConnectRouter } from "@connectrpc/connect";
import { createContextValues } from "@connectrpc/connect";
import { compressionGzip, connectNodeAdapter } from "@connectrpc/connect-node";
import { createSecureServer, createServer, type ServerHttp2Session } from "node:http2";
import type { ListenAddress } from "./listen_address.ts";
import { describeListenError, formatAddress } from "./listen_address.ts";
import { peerKey } from "./request_gate.ts";
import type { RpcOptions } from "./rpc_options.ts";
import { sessionKey } from "./skywalking/call_context.ts";

/** A running gRPC listener. */
export interface GrpcListener {
  readonly port: number;
  close(): Promise<void>;
}

const streamsPerConnection = 256;

/** Serves gRPC proper, whose trailers need HTTP/2, on a port of its own. */
export async function listenGrpc(
  address: ListenAddress,
  routes: (router: ConnectRouter) => void,
  options: RpcOptions & { readonly tls: { readonly cert: string; readonly key: string } | undefined },
): Promise<GrpcListener> {
  const { tls, ...rpc } = options;
  const adapter = connectNodeAdapter({
    ...rpc,
    routes,
    acceptCompression: [compressionGzip],
    contextValues(request) {
      const values = createContextValues().set(peerKey, request.socket?.remoteAddress ?? "");
      return "stream" in request ? values.set(sessionKey, request.stream.session ?? {}) : values;
    },
  });
  const settings = { settings: { maxConcurrentStreams: streamsPerConnection } };
  const server = tls === undefined
    ? createServer(settings, adapter)
    : createSecureServer({ ...settings, ...tls }, adapter);
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => session.destroy());
    session.on("close", () => sessions.delete(session));
  });
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", (error) => reject(describeListenError(error, address, "--grpc-listen")));
  server.listen(address.port, address.hostname, () => resolve());
  await listening;
  const bound = server.address();
  if (bound === null || typeof bound === "string") {
    throw new Error(`Cannot listen on ${formatAddress(address)}`);
  }
  return {
    port: bound.port,
    async close() {
      const { promise: closed, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      for (const session of sessions) session.destroy();
      await closed;
    },
  };
}
