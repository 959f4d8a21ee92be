import { Code, ConnectError } from "@connectrpc/connect";

/** Limits of one request's body. */
export interface BodyLimits {
  readonly bytes: number;
  /** From the first read to the end. */
  readonly milliseconds: number;
}

/** Reads a body and gives up, in the caller's face, when it is too long or comes too slowly. */
export async function* limitBody(
  body: ReadableStream<Uint8Array> | null,
  { bytes, milliseconds }: BodyLimits,
): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  const reader = body.getReader();
  const { promise: late, reject } = Promise.withResolvers<never>();
  // Nobody waits for it between two reads.
  late.catch(() => {});
  const timer = setTimeout(() => {
    reject(
      new ConnectError(`Body took over ${milliseconds / 1000} s; send it faster`, Code.DeadlineExceeded),
    );
  }, milliseconds);
  let total = 0;
  try {
    while (true) {
      const { done, value } = await Promise.race([reader.read(), late]);
      if (done) return;
      total += value.length;
      if (total > bytes) {
        throw new ConnectError(`Body is over ${bytes} bytes; send less`, Code.ResourceExhausted);
      }
      yield value;
    }
  } finally {
    clearTimeout(timer);
    // The rest of a body that was given up is not read.
    reader.cancel().catch(() => {});
  }
}
