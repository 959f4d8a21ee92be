/** Larger messages end the conversation. */
const maxMessageBytes = 64 * 1024 * 1024;
const headerBytes = 4;
/** Set in the length of a message that is not JSON. */
const bytesFlag = 0x80000000;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * One message between the agent and a helper process.
 *
 * Shape: length of the rest as u32, little endian, then JSON in UTF-8; or, with the length's highest bit set, bytes as they are.
 * Limits: 64 MiB.
 */
export function encodeMessage(message: unknown): Uint8Array<ArrayBuffer> {
  const body = encoder.encode(JSON.stringify(message));
  const bytes = new Uint8Array(headerBytes + body.length);
  new DataView(bytes.buffer).setUint32(0, body.length, true);
  bytes.set(body, headerBytes);
  return bytes;
}

/** A message of bytes; the receiver gets them as they are. */
export function encodeBytes(body: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(headerBytes + body.length);
  new DataView(bytes.buffer).setUint32(0, body.length + bytesFlag, true);
  bytes.set(body, headerBytes);
  return bytes;
}

/** Puts messages together again from pieces of a pipe. */
export class MessageDecoder {
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #broken = false;

  /** True from the first message on that was too long or no JSON; nothing comes out any more. */
  get broken(): boolean {
    return this.#broken;
  }

  /** The messages that this piece completes: what was JSON, and a `Uint8Array` for bytes. */
  push(piece: Uint8Array): unknown[] {
    const messages: unknown[] = [];
    if (this.#broken) return messages;
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    while (this.#bytes >= headerBytes) {
      const header = this.#peekHeader();
      const length = header % bytesFlag;
      if (length > maxMessageBytes) this.#broken = true;
      if (this.#broken || this.#bytes < headerBytes + length) break;
      const all = this.#join();
      this.#pieces = [all.subarray(headerBytes + length)];
      this.#bytes -= headerBytes + length;
      const body = all.subarray(headerBytes, headerBytes + length);
      try {
        messages.push(header >= bytesFlag ? body : JSON.parse(decoder.decode(body)));
      } catch {
        this.#broken = true;
      }
    }
    if (this.#broken) this.#pieces = [];
    return messages;
  }

  #peekHeader(): number {
    if (this.#pieces[0]!.length < headerBytes) this.#join();
    const first = this.#pieces[0]!;
    return new DataView(first.buffer, first.byteOffset, first.byteLength).getUint32(0, true);
  }

  #join(): Uint8Array {
    if (this.#pieces.length > 1) {
      const all = new Uint8Array(this.#bytes);
      let at = 0;
      for (const piece of this.#pieces) {
        all.set(piece, at);
        at += piece.length;
      }
      this.#pieces = [all];
    }
    return this.#pieces[0]!;
  }
}
