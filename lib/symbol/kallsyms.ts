import { hexDigit, LineReader } from "./line_reader.ts";

const maxSymbols = 1_000_000;
const maxNameBytes = 24 * 1024 * 1024;
const maxLineBytes = 1024;
/** No kernel function is this long; what lies further from a symbol has no name. */
const maxFunctionBytes = 1024 * 1024;
const space = 32;
const tab = 9;
const bracket = 91;
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
 * Limits: 1,000,000 symbols and 24 MiB of names.
 */
export class Kallsyms {
  readonly #starts: Float64Array;
  /** Start, end of the name and of the whole line in `#text`; a name of no length is data. */
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
    const lines = new LineReader(maxLineBytes);
    for (const piece of pieces) lines.push(piece, (bytes, start, end) => builder.add(bytes, start, end));
    if (builder.count === 0) return undefined;
    const order = Uint32Array.from({ length: builder.count }, (_, index) => index);
    const { starts, names } = builder;
    // Files come nearly sorted: the kernel first, then each module.
    order.sort((left, right) => starts[left]! - starts[right]! || left - right);
    const sortedNames = new Uint32Array(order.length * 3);
    for (let position = 0; position < order.length; position++) {
      sortedNames.set(names.subarray(order[position]! * 3, order[position]! * 3 + 3), position * 3);
    }
    return new Kallsyms(
      Float64Array.from(order, (index) => starts[index]!),
      sortedNames,
      builder.text.slice(0, builder.textBytes),
    );
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
      module: decoder.decode(this.#text.subarray(nameEnd, end)),
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

class Builder {
  starts = new Float64Array(4096);
  names = new Uint32Array(4096 * 3);
  text = new Uint8Array(64 * 1024);
  count = 0;
  textBytes = 0;

  add(bytes: Uint8Array, start: number, end: number): void {
    if (this.count === maxSymbols || end - start < 20 || bytes[start + 16] !== space) return;
    let address = 0;
    for (let at = start; at < start + 16; at++) {
      const digit = hexDigit(bytes[at]!);
      if (digit < 0) return;
      if (at >= start + 4) address = address * 16 + digit;
    }
    const type = String.fromCharCode(bytes[start + 17]!);
    if (address === 0 || type === "A" || type === "a") return;
    const nameStart = start + 19;
    let nameEnd = nameStart;
    while (nameEnd < end && bytes[nameEnd] !== tab && bytes[nameEnd] !== space) nameEnd++;
    if (isPadding(bytes, nameStart)) return;
    let moduleStart = nameEnd;
    while (moduleStart < end && bytes[moduleStart] !== bracket) moduleStart++;
    const code = "tTwW".includes(type);
    this.#append(
      address,
      code ? bytes.subarray(nameStart, nameEnd) : new Uint8Array(0),
      bytes.subarray(moduleStart, end),
    );
  }

  #append(address: number, name: Uint8Array, module: Uint8Array): void {
    if (this.textBytes + name.length + module.length > maxNameBytes) return;
    if (this.count === this.starts.length) {
      this.starts = grow(this.starts, new Float64Array(this.starts.length * 2));
      this.names = grow(this.names, new Uint32Array(this.names.length * 2));
    }
    while (this.textBytes + name.length + module.length > this.text.length) {
      this.text = grow(this.text, new Uint8Array(this.text.length * 2));
    }
    this.starts[this.count] = address;
    const nameEnd = this.textBytes + name.length;
    const end = nameEnd + module.length;
    this.names.set([this.textBytes, nameEnd, end], this.count * 3);
    this.text.set(name, this.textBytes);
    this.text.set(module, nameEnd);
    this.textBytes = end;
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
