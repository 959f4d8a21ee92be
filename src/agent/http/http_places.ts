import { layouts } from "../../gen/records.ts";
import { CounterCursor } from "./counter_cursor.ts";
import type { HttpPrograms } from "./http_programs.ts";

/** Which side of a request a process is; the numbers are those of enum http_role. */
export const roleNumbers = { server: 0, client: 1 } as const;

/** Server or client. */
export type Role = keyof typeof roleNumbers;

const { size, offsets } = layouts.http_process_value;
const counterLimit = layouts.http_counters_value.size;
const filterKey = layouts.http_filter_key;
const noSamples = 32;
const kinds = 8;

/** What the kernel counted of a process since it has its place. */
export interface PlaceCounts {
  /** By role: how many connections are of each kind of enum http_readability. */
  readonly connections: Readonly<Record<Role, readonly number[]>>;
  readonly unreadable: number;
  readonly pipelined: number;
  readonly lostSamples: number;
  readonly lostChildren: number;
  /** Forked since it is watched, less those that became another program. */
  readonly children: number;
}

/**
 * Gives watched processes their places and counters in the kernel's maps.
 *
 * Limits: 4,096 processes and 8,191 blocks of counters; `open` and `openCounters` return undefined beyond.
 */
export class HttpPlaces {
  readonly #programs: HttpPrograms;
  readonly #memory: Uint32Array<ArrayBuffer>;
  readonly #freePlaces: number[] = [];
  readonly #freeCounters: number[] = [];
  /** Counters of filters that are gone, which requests in flight may still name. */
  readonly #outdatedCounters: number[] = [];
  readonly #places: number;

  constructor(programs: HttpPrograms) {
    this.#programs = programs;
    this.#memory = new Uint32Array(programs.processes);
    this.#places = programs.processes.byteLength / size;
    for (let place = this.#places - 1; place >= 0; place--) this.#freePlaces.push(this.#places + place);
    for (let index = programs.counters.byteLength / counterLimit - 1; index > 0; index--) {
      this.#freeCounters.push(index);
    }
  }

  /** Number of a process with a new place, in which nothing is counted yet. */
  open(): number | undefined {
    const number = this.#freePlaces.shift();
    if (number === undefined) return undefined;
    const base = this.#base(number);
    this.#memory.fill(0, base, base + size / 4);
    this.#set(number, offsets.sample_shift, noSamples);
    this.#set(number, offsets.number, number);
    return number;
  }

  /** Frees a place. Its number is outdated from now on and never comes again before 2^32 others did. */
  close(number: number): void {
    this.#set(number, offsets.number, 0);
    const next = number + this.#places;
    this.#freePlaces.push(next < 2 ** 32 ? next : number % this.#places + this.#places);
  }

  /** Counters of a role of a process, from now on. */
  openCounters(number: number, role: Role): CounterCursor | undefined {
    const index = this.#takeCounters();
    if (index === undefined) return undefined;
    const cursor = new CounterCursor(this.#programs.counters, index);
    this.#set(number, offsets.counters + 4 * roleNumbers[role], index);
    return cursor;
  }

  closeCounters(number: number, role: Role, cursor: CounterCursor): void {
    this.#set(number, offsets.counters + 4 * roleNumbers[role], 0);
    this.#freeCounters.push(cursor.index);
  }

  /** Counters of a URI filter in a role of a process, from now on. */
  openFilter(number: number, role: Role, filter: number): CounterCursor | undefined {
    const index = this.#takeCounters();
    if (index === undefined) return undefined;
    const cursor = new CounterCursor(this.#programs.counters, index);
    const value = new Uint8Array(new Uint32Array([index]).buffer);
    this.#programs.object.map("filter_counters").update(encodeFilterKey(number, role, filter), value);
    return cursor;
  }

  /** Ends `openFilter`. */
  closeFilter(number: number, role: Role, filter: number, cursor: CounterCursor): void {
    this.#programs.object.map("filter_counters").delete(encodeFilterKey(number, role, filter));
    this.#outdatedCounters.push(cursor.index);
  }

  /** Says whether the targets of a process's requests are matched with the filters at all. */
  setFiltered(number: number, filtered: boolean): void {
    this.#set(number, offsets.filtered, filtered ? 1 : 0);
  }

  /** Says whether plaintext of a process's TLS is looked at. */
  setTls(number: number, on: boolean): void {
    this.#set(number, offsets.tls, on ? 1 : 0);
  }

  /** Samples one request of 2 to the power of `shift`; undefined: none. */
  setSampleShift(number: number, shift: number | undefined): void {
    this.#set(number, offsets.sample_shift, shift ?? noSamples);
  }

  counts(number: number): PlaceCounts {
    const get = (offset: number) => this.#memory[this.#base(number) + offset / 4]!;
    const connections = (role: Role) =>
      Array.from(
        { length: kinds },
        (_, kind) => get(offsets.connections + 4 * (roleNumbers[role] * kinds + kind)),
      );
    return {
      connections: { server: connections("server"), client: connections("client") },
      unreadable: get(offsets.unreadable),
      pipelined: get(offsets.pipelined),
      lostSamples: get(offsets.lost_samples),
      lostChildren: get(offsets.lost_children),
      children: get(offsets.children),
    };
  }

  /** Uses counters of filters anew only when there are no others: requests in flight then lose all their filters. */
  #takeCounters(): number | undefined {
    if (this.#freeCounters.length === 0 && this.#outdatedCounters.length > 0) {
      this.#programs.outdateFilters();
      this.#freeCounters.push(...this.#outdatedCounters.splice(0));
    }
    return this.#freeCounters.pop();
  }

  #base(number: number): number {
    return number % this.#places * size / 4;
  }

  #set(number: number, offset: number, value: number): void {
    Atomics.store(this.#memory, this.#base(number) + offset / 4, value);
  }
}

function encodeFilterKey(number: number, role: Role, filter: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(filterKey.size));
  view.setUint32(filterKey.offsets.number, number, true);
  view.setUint16(filterKey.offsets.filter, filter, true);
  view.setUint16(filterKey.offsets.role, roleNumbers[role], true);
  return new Uint8Array(view.buffer);
}
