import type { BpfMap } from "../../lib/bpf/map.ts";
import type { BpfObject } from "../../lib/bpf/object.ts";

/**
 * Says which processes the programs of an object look at.
 *
 * Source: map `watches` (struct watch_value) and variables `watch_filter` and `watch_generation` of bpf/watch.bpf.h.
 * Limits: 8,192 processes and children that were forked since; `watch` throws beyond.
 */
export class WatchTable {
  readonly #watches: BpfMap;
  readonly #filter: Uint32Array<ArrayBuffer>;
  readonly #generation: Uint32Array<ArrayBuffer>;

  constructor(object: BpfObject) {
    this.#watches = object.map("watches");
    this.#filter = wordsOf(object, "watch_filter");
    this.#generation = wordsOf(object, "watch_generation");
  }

  /** Has the process with this id in the host's pid namespace counted under `number`. @throws {BpfError} when the map is full. */
  watch(tgid: number, number: number): void {
    const key = keyOf(tgid);
    const value = new Uint8Array(new Uint32Array([number, 0]).buffer);
    if (this.#watches.insert(key, value)) this.#countInFilter(tgid, 1);
    // A child that is counted as its parent is there already; one that ended just now is not.
    else if (this.#watches.replace(key, value)) Atomics.add(this.#generation, 0, 1);
  }

  /** Ends what `watch` began. */
  unwatch(tgid: number): void {
    if (!this.#watches.delete(keyOf(tgid))) return;
    this.#countInFilter(tgid, -1);
    Atomics.add(this.#generation, 0, 1);
  }

  #countInFilter(tgid: number, one: 1 | -1): void {
    const word = tgid >>> 2 & this.#filter.length - 1;
    Atomics.add(this.#filter, word, one << 8 * (tgid & 3));
  }
}

/** The live memory of a global variable made of u32. */
export function wordsOf(object: BpfObject, variable: string): Uint32Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = object.variable(variable);
  return new Uint32Array(buffer, byteOffset, byteLength / 4);
}

function keyOf(tgid: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new Uint32Array([tgid]).buffer);
}
