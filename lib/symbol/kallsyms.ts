import { hexDigit } from "./line_reader.ts";

const maxSymbols = 1_000_000;
const maxTextBytes = 32 * 1024 * 1024;
const maxLineBytes = 1024;
/** No kernel function is this long; what lies further from a symbol has no name. */
const maxFunctionBytes = 1024 * 1024;
const space = 32;
const tab = 9;
const newline = 10;
const closingBracket = 93;
const codeT = 84;
const codeW = 87;
const absolute = 65;
const lowerCase = 32;
const decoder = new TextDecoder();

/** A kernel function: `module` is "" for the kernel itself, else as in "[nf_tables]". */
export interface KernelSymbol {
  readonly name: string;
  readonly module: string;
}

/**
 * The kernel's functions by address.
 *
 * Source: /proc/kallsyms, `address type name [module]`, any order. Names of data bound the functions before them and
 * name nothing; `__pfx_` paddings and absolute symbols are left out.
 * Units: addresses are the low 48 bits of the kernel's (the upper 16 are all ones), exact in a double.
 * Limits: 1,000,000 symbols in 32 MiB of the file, which is kept; lines over 1,024 bytes are left out.
 */
export class Kallsyms {
  readonly #starts: Float64Array;
  /** Start, end of the name and of the line in `#text`; a name of no length is data. */
  readonly #names: Uint32Array;
  readonly #text: Uint8Array;

  /** `parse` is the way to get one: columns sorted by address. */
  constructor(starts: Float64Array, names: Uint32Array, text: Uint8Array) {
    this.#starts = starts;
    this.#names = names;
    this.#text = text;
  }

  /** Reads pieces of the file; undefined when they hold no address, as without CAP_SYSLOG where kptr_restrict is set. */
  static parse(pieces: Iterable<Uint8Array>): Kallsyms | undefined {
    const builder = new Builder();
    for (const piece of pieces) builder.push(piece);
    builder.finish();
    const { count, starts, names, text } = builder;
    if (count === 0) return undefined;
    // The kernel comes first, then module by module: an array's sort makes use of that, a typed array's does not.
    const order = Array.from({ length: count }, (_, index) => index);
    order.sort((left, right) => starts[left]! - starts[right]! || left - right);
    const sortedStarts = new Float64Array(count);
    const sortedNames = new Uint32Array(count * 3);
    for (let position = 0; position < count; position++) {
      const from = order[position]!;
      sortedStarts[position] = starts[from]!;
      for (let column = 0; column < 3; column++) {
        sortedNames[position * 3 + column] = names[from * 3 + column]!;
      }
    }
    return new Kallsyms(sortedStarts, sortedNames, text);
  }

  get size(): number {
    return this.#starts.length;
  }

  /** The function that covers the low 48 bits of a kernel address. */
  find(address: number): KernelSymbol | undefined {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    if (low === 0 || address - this.#starts[low - 1]! >= maxFunctionBytes) return undefined;
    // The first name of an address is the one the kernel itself prints.
    const start = this.#starts[low - 1]!;
    let found: KernelSymbol | undefined;
    for (let position = low - 1; position >= 0 && position >= low - 64; position--) {
      if (this.#starts[position] !== start) break;
      found = this.#symbolAt(position) ?? found;
    }
    return found;
  }

  #symbolAt(position: number): KernelSymbol | undefined {
    const [start, nameEnd, end] = this.#names.subarray(position * 3, position * 3 + 3);
    if (start === nameEnd) return undefined;
    return {
      name: decoder.decode(this.#text.subarray(start, nameEnd)),
      module: decoder.decode(this.#text.subarray(nameEnd, end)).trimStart(),
    };
  }
}

/** Reads the running kernel's symbols; undefined when they may not be read. */
export function readKallsyms(path = "/proc/kallsyms"): Kallsyms | undefined {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path);
  } catch {
    return undefined;
  }
  try {
    return Kallsyms.parse(readPieces(file));
  } catch {
    return undefined;
  } finally {
    file.close();
  }
}

/**
 * Whether the kernel shows its functions' addresses to this process; where it hides them, all are zero.
 *
 * Source: the start of /proc/kallsyms. On Linux 6.1 that holds only places of per-CPU data, which are small numbers.
 * @throws {Error} when the file cannot be read.
 */
export function showsKernelAddresses(path = "/proc/kallsyms"): boolean {
  using file = Deno.openSync(path);
  const start = new Uint8Array(4096);
  const length = file.readSync(start) ?? 0;
  return /^0*[1-9a-f][0-9a-f]* /m.test(decoder.decode(start.subarray(0, length)));
}

function* readPieces(file: Deno.FsFile): Generator<Uint8Array> {
  const piece = new Uint8Array(256 * 1024);
  for (let count = file.readSync(piece); count !== null && count > 0; count = file.readSync(piece)) {
    yield piece.subarray(0, count);
  }
}

/** Columns of the symbols, in the file's order. */
class Builder {
  starts = new Float64Array(4096);
  names = new Uint32Array(4096 * 3);
  text = new Uint8Array(1024 * 1024);
  textBytes = 0;
  count = 0;

  /** Takes the next piece of the file. */
  push(piece: Uint8Array): void {
    const taken = piece.subarray(0, maxTextBytes - this.textBytes);
    while (this.textBytes + taken.length > this.text.length) {
      this.text = grow(this.text, new Uint8Array(this.text.length * 2));
    }
    this.text.set(taken, this.textBytes);
    this.textBytes += taken.length;
  }

  /** Reads the lines. */
  finish(): void {
    const text = this.text.subarray(0, this.textBytes);
    let start = 0;
    for (
      let end = text.indexOf(newline);
      end >= 0 && this.count < maxSymbols;
      end = text.indexOf(newline, start)
    ) {
      if (end - start <= maxLineBytes) this.#add(text, start, end);
      start = end + 1;
    }
  }

  #add(text: Uint8Array, start: number, end: number): void {
    if (end - start < 20 || text[start + 16] !== space) return;
    let address = 0;
    // The upper 16 bits are all ones, or all zeros in what is left out.
    for (let at = start + 4; at < start + 16; at++) {
      const digit = hexDigit(text[at]!);
      if (digit < 0) return;
      address = address * 16 + digit;
    }
    const type = text[start + 17]!;
    if (address === 0 || type === absolute || type === absolute + lowerCase) return;
    const nameStart = start + 19;
    if (isPadding(text, nameStart)) return;
    // Only modules' symbols have more behind the name.
    let nameEnd = end;
    if (text[end - 1] === closingBracket) {
      nameEnd = nameStart;
      while (nameEnd < end && text[nameEnd] !== tab && text[nameEnd] !== space) nameEnd++;
    }
    if (this.count === this.starts.length) {
      this.starts = grow(this.starts, new Float64Array(this.starts.length * 2));
      this.names = grow(this.names, new Uint32Array(this.names.length * 2));
    }
    const code = type === codeT || type === codeT + lowerCase || type === codeW || type === codeW + lowerCase;
    this.starts[this.count] = address;
    const column = this.count * 3;
    this.names[column] = nameStart;
    this.names[column + 1] = code ? nameEnd : nameStart;
    this.names[column + 2] = end;
    this.count++;
  }
}

function grow<T extends Float64Array | Uint32Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** "__pfx_": the padding before a function. */
function isPadding(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 95 && bytes[at + 1] === 95 && bytes[at + 2] === 112 && bytes[at + 3] === 102 &&
    bytes[at + 4] === 120 && bytes[at + 5] === 95;
}
