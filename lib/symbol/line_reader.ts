const newline = 10;

/**
 * Reads lines out of bytes that come in pieces, without making text of them.
 *
 * Limits: a line longer than `maxLineBytes` is left out, whole.
 */
export class LineReader {
  readonly #maxLineBytes: number;
  #rest = new Uint8Array(0);
  #skipping = false;

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /** Hands over each line that ends in this piece: its bytes, from `start` to `end`, without the newline. */
  push(piece: Uint8Array, onLine: (bytes: Uint8Array, start: number, end: number) => void): void {
    let start = 0;
    const first = piece.indexOf(newline);
    if (first < 0) return this.#keep(piece);
    if (this.#rest.length > 0 && !this.#skipping) {
      const joined = concatenate(this.#rest, piece.subarray(0, first));
      if (joined.length <= this.#maxLineBytes) onLine(joined, 0, joined.length);
      start = first + 1;
    } else if (this.#skipping) {
      start = first + 1;
    }
    this.#skipping = false;
    this.#rest = new Uint8Array(0);
    for (let end = piece.indexOf(newline, start); end >= 0; end = piece.indexOf(newline, start)) {
      if (end - start <= this.#maxLineBytes) onLine(piece, start, end);
      start = end + 1;
    }
    this.#keep(piece.subarray(start));
  }

  #keep(bytes: Uint8Array): void {
    if (this.#skipping) return;
    if (this.#rest.length + bytes.length > this.#maxLineBytes) {
      this.#rest = new Uint8Array(0);
      this.#skipping = true;
    } else {
      this.#rest = concatenate(this.#rest, bytes);
    }
  }
}

/** Value of one hexadecimal digit in ASCII, -1 for any other byte. */
export function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  if (byte >= 97 && byte <= 102) return byte - 87;
  if (byte >= 65 && byte <= 70) return byte - 55;
  return -1;
}

function concatenate(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}
