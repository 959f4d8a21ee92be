import type { HandlerContext, Interceptor } from "@connectrpc/connect";

/** What both listeners, HTTP and gRPC, share. */
export interface RpcOptions {
  readonly interceptors: Interceptor[];
  readonly requestGate: (context: HandlerContext) => void;
  readonly shutdownSignal: AbortSignal;
  readonly readMaxBytes: number;
  readonly writeMaxBytes: number;
}

/** Longest message either way, after decompression. */
export const messageMaxBytes = 4 * 1024 * 1024;
