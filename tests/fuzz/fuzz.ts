/** Mutation fuzzing without coverage: one call fuzzes one parser for the time that STAKEOUT_FUZZ_SECONDS gives. */
import { repositoryRoot } from "../../scripts/command.ts";

const defaultSeconds = 5;
const maxInputMs = 50;
const maxInputBytes = 32 * 1024 * 1024;
/** A limit counts as broken only when it is broken this often in a row: the machine is shared. */
const repetitions = 5;
const edges = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

/**
 * Feeds mutated files of `tests/fuzz/corpus/NAME` to a parser. It fails, with the seed that repeats it
 * (STAKEOUT_FUZZ_SEED), when the parser throws, takes over 50 ms or over 32 MiB for one input.
 */
export function fuzz(name: string, parse: (bytes: Uint8Array<ArrayBuffer>) => void): void {
  const seconds = Number(Deno.env.get("STAKEOUT_FUZZ_SECONDS") ?? defaultSeconds);
  const seed = Number(Deno.env.get("STAKEOUT_FUZZ_SEED") ?? Math.floor(Math.random() * 2 ** 31));
  const corpus = readCorpus(`${repositoryRoot}/tests/fuzz/corpus/${name}`);
  const random = new Random(seed);
  const end = performance.now() + seconds * 1000;
  let inputs = 0;
  for (const bytes of corpus) check(name, seed, inputs, bytes, parse);
  for (; performance.now() < end; inputs++) check(name, seed, inputs, mutate(random, corpus), parse);
  if (inputs < seconds) throw new Error(`${name}: only ${inputs} inputs in ${seconds} s`);
}

function check(
  name: string,
  seed: number,
  input: number,
  bytes: Uint8Array<ArrayBuffer>,
  parse: (bytes: Uint8Array<ArrayBuffer>) => void,
): void {
  const where = `${name}: input ${input} of STAKEOUT_FUZZ_SEED=${seed}`;
  let leastMs = Infinity;
  let leastBytes = Infinity;
  for (let run = 0; run < repetitions && (leastMs > maxInputMs || leastBytes > maxInputBytes); run++) {
    const before = Deno.memoryUsage();
    const start = performance.now();
    try {
      parse(bytes);
    } catch (error) {
      throw new Error(`${where} threw; base64 ${bytes.toBase64().slice(0, 20_000)}`, { cause: error });
    }
    leastMs = Math.min(leastMs, performance.now() - start);
    const after = Deno.memoryUsage();
    leastBytes = Math.min(leastBytes, after.heapUsed + after.external - before.heapUsed - before.external);
  }
  if (leastMs > maxInputMs) throw new Error(`${where} took ${leastMs} ms`);
  if (leastBytes > maxInputBytes) throw new Error(`${where} took ${leastBytes} bytes of memory`);
}

function mutate(random: Random, corpus: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  let bytes = random.pick(corpus).slice();
  for (let count = 1 + random.below(8); count > 0 && bytes.length > 0; count--) {
    bytes = random.pick(mutations)(bytes, random, corpus);
  }
  return bytes;
}

type Mutation = (
  bytes: Uint8Array<ArrayBuffer>,
  random: Random,
  corpus: readonly Uint8Array<ArrayBuffer>[],
) => Uint8Array<ArrayBuffer>;

const mutations: Mutation[] = [flipBit, setByte, setEdge, setEdge, copyWithin, truncate, repeat, splice];

function flipBit(bytes: Uint8Array<ArrayBuffer>, random: Random): Uint8Array<ArrayBuffer> {
  bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
  return bytes;
}

function setByte(bytes: Uint8Array<ArrayBuffer>, random: Random): Uint8Array<ArrayBuffer> {
  bytes[random.below(bytes.length)] = random.below(256);
  return bytes;
}

/** A number where numbers go wrong, in 2, 4 or 8 bytes; half of the time in the first 64, where headers are. */
function setEdge(bytes: Uint8Array<ArrayBuffer>, random: Random): Uint8Array<ArrayBuffer> {
  const length = 2 << random.below(3);
  const at = random.below(random.below(2) === 0 ? Math.min(64, bytes.length) : bytes.length);
  const edge = BigInt(random.pick(edges)) * (random.below(4) === 0 ? 0x1_0000_0001n : 1n);
  for (let index = 0; index < length && at + index < bytes.length; index++) {
    bytes[at + index] = Number((edge >> BigInt(8 * index)) & 255n);
  }
  return bytes;
}

function copyWithin(bytes: Uint8Array<ArrayBuffer>, random: Random): Uint8Array<ArrayBuffer> {
  const start = random.below(bytes.length);
  return bytes.copyWithin(random.below(bytes.length), start, start + random.below(64));
}

function truncate(bytes: Uint8Array<ArrayBuffer>, random: Random): Uint8Array<ArrayBuffer> {
  return bytes.slice(0, random.below(bytes.length) + 1);
}

function repeat(bytes: Uint8Array<ArrayBuffer>, random: Random): Uint8Array<ArrayBuffer> {
  const start = random.below(bytes.length);
  const part = bytes.subarray(start, start + 1 + random.below(100));
  const times = Math.min(1 + random.below(2000), Math.floor(256 * 1024 / part.length));
  const result = new Uint8Array(bytes.length + part.length * times);
  result.set(bytes.subarray(0, start));
  for (let index = 0; index < times; index++) result.set(part, start + index * part.length);
  result.set(bytes.subarray(start), start + part.length * times);
  return result.length > 1024 * 1024 ? result.slice(0, 1024 * 1024) : result;
}

function splice(
  bytes: Uint8Array<ArrayBuffer>,
  random: Random,
  corpus: readonly Uint8Array<ArrayBuffer>[],
): Uint8Array<ArrayBuffer> {
  const other = random.pick(corpus);
  const head = bytes.subarray(0, random.below(bytes.length));
  const tail = other.subarray(random.below(other.length));
  const result = new Uint8Array(head.length + tail.length);
  result.set(head);
  result.set(tail, head.length);
  return result;
}

/** xorshift32: the same numbers for the same seed. */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }

  /** 0 … limit - 1. */
  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % Math.max(1, limit);
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }
}

function readCorpus(folder: string): Uint8Array<ArrayBuffer>[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort()
    .map((name) => Deno.readFileSync(`${folder}/${name}`));
}
