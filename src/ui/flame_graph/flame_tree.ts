import { type Frame, FrameKind, type Profile } from "../../gen/stakeout/v1/profile_pb.ts";

/** A function as the graph shows it. Frames at different addresses of one function are one symbol. */
export interface FlameSymbol {
  /** The same for the same function in every profile of a task. */
  readonly key: string;
  /** Its name, or module and address when there is none. */
  readonly name: string;
  readonly module: string;
  /** Of a function that was interpreted and compiled, what weighs most. */
  readonly kind: FrameKind;
  /** Source file and the line that weighs most, with all it calls; of a script, where it begins; "" when no file is known. */
  readonly place: string;
  /** The compiler put it into its caller everywhere it was seen. */
  readonly inlined: boolean;
}

/** What weights of a profile count. */
export type WeightUnit = "samples" | "nanoseconds" | "waits";

/**
 * Stacks merged into a tree, as columns by node. Node 0 is the whole; a child's index is greater than its parent's.
 * Weights are samples or nanoseconds, as the profile's kind says.
 */
export interface FlameTree {
  readonly size: number;
  readonly symbols: readonly FlameSymbol[];
  /** Index into `symbols`; -1 for node 0. */
  readonly symbol: Int32Array;
  readonly parent: Int32Array;
  /** -1 when there is none. */
  readonly firstChild: Int32Array;
  readonly nextSibling: Int32Array;
  readonly self: Float64Array;
  readonly total: Float64Array;
}

/** What of a profile becomes a tree. */
export interface FlameTreeOptions {
  /** One thread; all when undefined. */
  readonly thread?: number | undefined;
  /** Also the frames by which languages' runtimes run functions; without them, what ran there counts for the caller. */
  readonly runtimeFrames?: boolean;
}

/** Merges the stacks. Bad indexes are passed over. */
export function buildFlameTree(
  profile: Profile,
  { thread, runtimeFrames = false }: FlameTreeOptions = {},
): FlameTree {
  const weights = new Float64Array(profile.stacks.length);
  for (const [index, stack] of profile.sampleStacks.entries()) {
    if (thread !== undefined && profile.sampleThreads[index] !== thread) continue;
    if (stack < weights.length) weights[stack] = (weights[stack] ?? 0) + Number(profile.sampleWeights[index]);
  }
  const { symbols, frameSymbols } = internFrames(profile, weighFrames(profile, weights));
  const growing = new GrowingTree(symbols);
  for (const [index, stack] of profile.stacks.entries()) {
    const weight = weights[index] ?? 0;
    if (weight === 0) continue;
    let node = 0;
    const shown = runtimeFrames ? stack.frames : hideRuntimeFrames(stack.frames, profile);
    for (let position = shown.length - 1; position >= 0; position--) {
      const symbol = frameSymbols[shown[position] ?? -1];
      if (symbol !== undefined) node = growing.child(node, symbol);
    }
    growing.add(node, weight);
  }
  return growing.finish();
}

/** Frames of a stack without those of languages' runtimes; a stack of which nothing would be left stays whole. */
function hideRuntimeFrames(stack: readonly number[], { frames }: Profile): readonly number[] {
  const shown = stack.filter((frame) => frames[frame]?.runtime !== true);
  return shown.length === 0 ? stack : shown;
}

/** Weight of each frame with all that it calls; a stack in which it is twice counts twice. */
function weighFrames({ frames, stacks }: Profile, weights: Float64Array): Float64Array {
  const sums = new Float64Array(frames.length);
  for (const [index, stack] of stacks.entries()) {
    for (const frame of stack.frames) if (frame < sums.length) sums[frame] = sums[frame]! + weights[index]!;
  }
  return sums;
}

function internFrames(
  { frames, strings }: Profile,
  frameWeights: Float64Array,
): { symbols: FlameSymbol[]; frameSymbols: Int32Array } {
  const symbols: (FlameSymbol & { place: string; inlined: boolean; kind: FrameKind })[] = [];
  const known = new Map<string, number>();
  const frameSymbols = new Int32Array(frames.length);
  const lines = new Map<string, number>();
  const kinds = new Map<string, number>();
  const heaviest: number[] = [];
  const heaviestKind: number[] = [];
  for (const [index, frame] of frames.entries()) {
    const module = strings[frame.module] ?? "";
    const name = (strings[frame.function] ?? "") || unnamed(frame, module);
    const script = isScript(frame);
    // A script's function is where it begins, however it is run; there are many of one name.
    const key = script
      ? `script\n${module}\n${name}\n${strings[frame.file] ?? ""}:${frame.startLine || frame.line}`
      : `${frame.kind}\n${module}\n${name}`;
    let symbol = known.get(key);
    if (symbol === undefined) {
      symbol = symbols.push({ key, name, module, kind: frame.kind, place: "", inlined: true }) - 1;
      known.set(key, symbol);
      heaviest.push(0);
      heaviestKind.push(0);
    }
    if (script) {
      const weight = (kinds.get(`${symbol} ${frame.kind}`) ?? 0) + frameWeights[index]!;
      kinds.set(`${symbol} ${frame.kind}`, weight);
      if (weight > heaviestKind[symbol]!) {
        heaviestKind[symbol] = weight;
        symbols[symbol]!.kind = frame.kind;
      }
    }
    if (!frame.inlined) symbols[symbol]!.inlined = false;
    const file = strings[frame.file] ?? "";
    if (file !== "") {
      const place = frame.line > 0 ? `${file}:${frame.line}` : file;
      const weight = (lines.get(`${symbol} ${place}`) ?? 0) + frameWeights[index]!;
      lines.set(`${symbol} ${place}`, weight);
      if (weight > heaviest[symbol]! || symbols[symbol]!.place === "") {
        heaviest[symbol] = weight;
        symbols[symbol]!.place = place;
      }
    }
    frameSymbols[index] = symbol;
  }
  return { symbols, frameSymbols };
}

function isScript({ kind }: Frame): boolean {
  return kind === FrameKind.JIT || kind === FrameKind.INTERPRETED;
}

function unnamed({ kind, address }: Frame, module: string): string {
  // An address of code that a process made itself tells nobody anything.
  if (kind === FrameKind.JIT && module !== "") return module;
  const place = `0x${address.toString(16)}`;
  return module === "" ? `[unknown] ${place}` : `${module.slice(module.lastIndexOf("/") + 1)}+${place}`;
}

/** Columns that double when full, and an open-addressing table from (parent, symbol) to node. */
class GrowingTree {
  readonly #symbols: readonly FlameSymbol[];
  #size = 1;
  #symbol = new Int32Array(1024);
  #parent = new Int32Array(1024);
  #self = new Float64Array(1024);
  #table = new Int32Array(4096);

  constructor(symbols: readonly FlameSymbol[]) {
    this.#symbols = symbols;
    this.#symbol[0] = -1;
    this.#parent[0] = -1;
  }

  child(parent: number, symbol: number): number {
    const mask = this.#table.length - 1;
    let slot = hashPair(parent, symbol) & mask;
    for (let node = this.#table[slot]!; node !== 0; node = this.#table[slot]!) {
      if (this.#parent[node] === parent && this.#symbol[node] === symbol) return node;
      slot = (slot + 1) & mask;
    }
    const node = this.#size++;
    if (node === this.#symbol.length) this.#grow();
    this.#symbol[node] = symbol;
    this.#parent[node] = parent;
    if (this.#size * 2 > this.#table.length) this.#rehash();
    else this.#table[slot] = node;
    return node;
  }

  add(node: number, weight: number): void {
    this.#self[node] = this.#self[node]! + weight;
  }

  finish(): FlameTree {
    const size = this.#size;
    const parent = this.#parent.slice(0, size);
    const total = this.#self.slice(0, size);
    const firstChild = new Int32Array(size).fill(-1);
    const nextSibling = new Int32Array(size).fill(-1);
    for (let node = size - 1; node > 0; node--) {
      const above = parent[node]!;
      total[above] = total[above]! + total[node]!;
      nextSibling[node] = firstChild[above]!;
      firstChild[above] = node;
    }
    const symbol = this.#symbol.slice(0, size);
    return {
      size,
      symbols: this.#symbols,
      symbol,
      parent,
      firstChild,
      nextSibling,
      self: this.#self.slice(0, size),
      total,
    };
  }

  #grow(): void {
    const length = this.#symbol.length * 2;
    this.#symbol = copyInto(new Int32Array(length), this.#symbol);
    this.#parent = copyInto(new Int32Array(length), this.#parent);
    this.#self = copyInto(new Float64Array(length), this.#self);
  }

  #rehash(): void {
    const table = this.#table = new Int32Array(this.#table.length * 2);
    const mask = table.length - 1;
    for (let node = 1; node < this.#size; node++) {
      let slot = hashPair(this.#parent[node]!, this.#symbol[node]!) & mask;
      while (table[slot] !== 0) slot = (slot + 1) & mask;
      table[slot] = node;
    }
  }
}

function hashPair(parent: number, symbol: number): number {
  const mixed = Math.imul(parent, 0x9e3779b1) ^ Math.imul(symbol + 1, 0x85ebca6b);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

function copyInto<T extends Int32Array | Float64Array>(target: T, source: T): T {
  target.set(source);
  return target;
}
