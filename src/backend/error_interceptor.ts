import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import type { Logger } from "../../lib/log.ts";
import { StoreError, type StoreErrorKind } from "./store/store_error.ts";

const codes: Readonly<Record<StoreErrorKind, Code>> = {
  full: Code.ResourceExhausted,
  busy: Code.Unavailable,
  closed: Code.Unavailable,
  locked: Code.Unavailable,
  newer: Code.Internal,
  corrupt: Code.Internal,
  failed: Code.Internal,
};

/** What Node throws when the caller has gone: while its request is read, and when the answer is written. */
const goneCodes: ReadonlySet<unknown> = new Set(["ERR_STREAM_PREMATURE_CLOSE", "ERR_HTTP2_INVALID_STREAM"]);

/** Turns whatever a handler throws into an error for the caller: nothing of the inside but a sentence gets out. */
export function createErrorInterceptor(logger: Logger): Interceptor {
  return (next) => async (request) => {
    const method = `${request.service.typeName}/${request.method.name}`;
    try {
      const response = await next(request);
      if (!response.stream) return response;
      return {
        ...response,
        message: guard(response.message, (error) => toConnectError(error, method, logger)),
      };
    } catch (error) {
      throw toConnectError(error, method, logger);
    }
  };
}

/** The answer to an error of any kind; logs what the caller cannot be blamed for. */
export function toConnectError(error: unknown, method: string, logger: Logger): ConnectError {
  if (error instanceof ConnectError) return error;
  if (goneCodes.has((error as { code?: unknown } | undefined)?.code)) {
    return new ConnectError("The caller went away in the middle of its request", Code.Canceled);
  }
  if (error instanceof StoreError) {
    logger.error("Store failed", { method, reason: error.message });
    const code = codes[error.kind];
    // The path of the database is nobody's business but the operator's.
    const message = error.kind === "full"
      ? "The server's disk is full; free some space"
      : "The store cannot answer";
    return new ConnectError(`${message}; the server's log has the details`, code);
  }
  logger.error("Request failed", {
    method,
    reason: error,
    stack: error instanceof Error ? error.stack : undefined,
  });
  return new ConnectError("Internal error; the server's log has the details", Code.Internal);
}

async function* guard<T>(
  messages: AsyncIterable<T>,
  convert: (error: unknown) => ConnectError,
): AsyncIterable<T> {
  try {
    yield* messages;
  } catch (error) {
    throw convert(error);
  }
}
