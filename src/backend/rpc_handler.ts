import { type ConnectRouter, createConnectRouter, createContextValues } from "@connectrpc/connect";
import { compressionGzip } from "@connectrpc/connect-node";
import { type UniversalHandler, universalServerResponseToFetch } from "@connectrpc/connect/protocol";
import { limitBody } from "./limited_body.ts";
import { peerKey } from "./request_gate.ts";
import type { RpcOptions } from "./rpc_options.ts";

/** Answers an RPC over HTTP/1.1: Connect and gRPC-Web. Undefined when the path is no method. */
export type RpcHandler = (request: Request, path: string, peer: string) => Promise<Response> | undefined;

// Room for gzip's worst case and the envelope; what counts is the size after decompression.
const bodyLimits = { bytes: 4 * 1024 * 1024 + 65_536, milliseconds: 30_000 };

/** Makes the handler of all methods. */
export function createRpcHandler(routes: (router: ConnectRouter) => void, options: RpcOptions): RpcHandler {
  const router = createConnectRouter({ ...options, acceptCompression: [compressionGzip], grpc: false });
  routes(router);
  const handlers = new Map<string, UniversalHandler>();
  for (const handler of router.handlers) handlers.set(handler.requestPath, handler);
  return (request, path, peer) => {
    const handler = handlers.get(path);
    return handler === undefined ? undefined : answer(handler, request, peer);
  };
}

async function answer(handler: UniversalHandler, request: Request, peer: string): Promise<Response> {
  const response = await handler({
    httpVersion: "1.1",
    method: request.method,
    url: request.url,
    header: request.headers,
    body: limitBody(request.body, bodyLimits),
    signal: request.signal,
    contextValues: createContextValues().set(peerKey, peer),
  });
  return universalServerResponseToFetch(response);
}
