/**
 * Splits a stream into its lines. A line over the limit comes as undefined, and no more than the limit is ever kept.
 * What follows the last new line is left out.
 */
export async function* readBoundedLines(
  stream: ReadableStream<Uint8Array>,
  limitBytes: number,
): AsyncGenerator<string | undefined, void, undefined> {
  const decoder = new TextDecoder();
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    for (let start = 0; start < chunk.length;) {
      const end = chunk.indexOf(10, start);
      const part = chunk.subarray(start, end < 0 ? chunk.length : end);
      bytes += part.length;
      if (bytes <= limitBytes) parts.push(part);
      else parts = [];
      if (end < 0) break;
      yield bytes > limitBytes ? undefined : decoder.decode(await new Blob(parts as BlobPart[]).bytes());
      parts = [];
      bytes = 0;
      start = end + 1;
    }
  }
}
