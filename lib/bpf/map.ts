import { BpfError } from "./error.ts";
import type { Libbpf } from "./libbpf.ts";
import { MappedMemory } from "./mapped_memory.ts";

const ENOENT = 2;
const EEXIST = 17;
const BPF_NOEXIST = 1n;
const BPF_EXIST = 2n;
const ENOSPC = 28;
const PER_CPU_TYPES = new Set([5, 6, 10, 21]);
/** The kernel keeps its place of a batch in a u32 for hash maps, in a key for arrays. */
const LEAST_CURSOR_BYTES = 8;
const FIRST_BATCH_ENTRIES = 1024;
/** Room beyond max_entries: entries that come while a batch is read. */
const SPARE_ENTRIES = 1024;

/** All entries of a map: `count` keys and values, one after the other, the rest of the buffers is old. */
export interface MapEntries {
  readonly count: number;
  readonly keys: Uint8Array<ArrayBuffer>;
  readonly values: Uint8Array<ArrayBuffer>;
}

/** A map of a loaded object; lives as long as the object. */
export class BpfMap {
  readonly name: string;
  readonly fd: number;
  readonly keyBytes: number;
  /** Bytes of one value as lookup and update exchange it: for per-CPU maps one of each possible CPU, each padded to 8 bytes. */
  readonly valueBytes: number;
  readonly maxEntries: number;
  readonly #libbpf: Libbpf;
  readonly #cursor: Uint8Array<ArrayBuffer>;
  readonly #count = new Uint32Array(1);
  #keys = new Uint8Array(0);
  #values = new Uint8Array(0);
  #memory: MappedMemory | undefined;

  constructor(libbpf: Libbpf, name: string, pointer: Deno.PointerObject) {
    const { symbols } = libbpf;
    this.#libbpf = libbpf;
    this.name = name;
    this.fd = symbols.bpf_map__fd(pointer);
    this.keyBytes = symbols.bpf_map__key_size(pointer);
    this.#cursor = new Uint8Array(Math.max(LEAST_CURSOR_BYTES, this.keyBytes));
    this.maxEntries = symbols.bpf_map__max_entries(pointer);
    const valueBytes = symbols.bpf_map__value_size(pointer);
    this.valueBytes = PER_CPU_TYPES.has(symbols.bpf_map__type(pointer))
      ? ((valueBytes + 7) & ~7) * symbols.libbpf_num_possible_cpus()
      : valueBytes;
  }

  /** Kernel memory the map is charged for. Source: `memlock` of /proc/self/fdinfo. */
  get memlockBytes(): number {
    const info = Deno.readTextFileSync(`/proc/self/fdinfo/${this.fd}`);
    return Number(/^memlock:\s*(\d+)/m.exec(info)?.[1] ?? 0);
  }

  /** Reads the value of a key into `out`. @returns false when there is none. @throws {BpfError} */
  lookup(key: Uint8Array<ArrayBuffer>, out: Uint8Array<ArrayBuffer>): boolean {
    this.#checkSizes(key, out);
    const result = this.#libbpf.symbols.bpf_map_lookup_elem(this.fd, key, out);
    if (result === 0) return true;
    if (result === -ENOENT) return false;
    throw new BpfError(`look up in map ${this.name}`, result);
  }

  /** Sets the value of a key, whether it is there or not. @throws {BpfError} E2BIG when the map is full. */
  update(key: Uint8Array<ArrayBuffer>, value: Uint8Array<ArrayBuffer>): void {
    this.#checkSizes(key, value);
    const result = this.#libbpf.symbols.bpf_map_update_elem(this.fd, key, value, 0n);
    if (result !== 0) throw new BpfError(`update map ${this.name}`, result);
  }

  /** Sets the value of a key that is not there. @returns false when it is. @throws {BpfError} E2BIG when the map is full. */
  insert(key: Uint8Array<ArrayBuffer>, value: Uint8Array<ArrayBuffer>): boolean {
    return this.#set(key, value, BPF_NOEXIST, EEXIST);
  }

  /** Sets the value of a key that is there. @returns false when it is not. @throws {BpfError} */
  replace(key: Uint8Array<ArrayBuffer>, value: Uint8Array<ArrayBuffer>): boolean {
    return this.#set(key, value, BPF_EXIST, ENOENT);
  }

  /** Removes a key. @returns false when there was none. @throws {BpfError} */
  delete(key: Uint8Array<ArrayBuffer>): boolean {
    if (key.length !== this.keyBytes) throw this.#sizeError("key", key.length, this.keyBytes);
    const result = this.#libbpf.symbols.bpf_map_delete_elem(this.fd, key);
    if (result === 0) return true;
    if (result === -ENOENT) return false;
    throw new BpfError(`delete from map ${this.name}`, result);
  }

  /**
   * Reads the whole map in batches, 5 times cheaper than entry by entry. The buffers are reused by the next call.
   *
   * Entries that programs add or delete meanwhile may or may not be there; one that stays is there exactly once in a map whose
   * entries are never deleted.
   *
   * @throws {BpfError} when the kernel refuses, as for map types without batches.
   */
  readBatch(): MapEntries {
    let count = 0;
    let started = false;
    if (this.#keys.length === 0) this.#resize(Math.min(FIRST_BATCH_ENTRIES, this.#mostEntries()), 0);
    for (;;) {
      const room = this.#keys.length / this.keyBytes - count;
      this.#count[0] = room;
      const result = this.#libbpf.symbols.bpf_map_lookup_batch(
        this.fd,
        started ? this.#cursor : null,
        this.#cursor,
        this.#keys.subarray(count * this.keyBytes),
        this.#values.subarray(count * this.valueBytes),
        this.#count,
        null,
      );
      if (result === 0 || result === -ENOENT) {
        // With ENOENT the kernel says it was the last batch; what it filled in is valid.
        count += this.#count[0]!;
        if (result === -ENOENT) break;
        started = true;
      } else if (result !== -ENOSPC) {
        throw new BpfError(`read map ${this.name}`, result);
      }
      if ((result === -ENOSPC || count === this.#keys.length / this.keyBytes) && !this.#grow(count)) break;
    }
    return { count, keys: this.#keys, values: this.#values };
  }

  /**
   * Returns the live memory of a global data section (`.bss`, `.data`) or of an array made with BPF_F_MMAPABLE: reading and
   * writing it are plain loads and stores. Ends with the object.
   *
   * @throws {BpfError} when the map cannot be mapped.
   */
  memory(): Uint8Array<ArrayBuffer> {
    this.#memory ??= new MappedMemory(this.fd, {
      bytes: ((this.valueBytes + 7) & ~7) * this.maxEntries,
      writable: true,
    });
    return new Uint8Array(this.#memory.buffer);
  }

  /** Ends what {@linkcode memory} mapped; the fd is the object's. */
  close(): void {
    this.#memory?.close();
    this.#memory = undefined;
  }

  #set(
    key: Uint8Array<ArrayBuffer>,
    value: Uint8Array<ArrayBuffer>,
    flags: bigint,
    otherwise: number,
  ): boolean {
    this.#checkSizes(key, value);
    const result = this.#libbpf.symbols.bpf_map_update_elem(this.fd, key, value, flags);
    if (result === 0 || result === -otherwise) return result === 0;
    throw new BpfError(`update map ${this.name}`, result);
  }

  #mostEntries(): number {
    return this.maxEntries + SPARE_ENTRIES;
  }

  #grow(count: number): boolean {
    const entries = this.#keys.length / this.keyBytes;
    if (entries >= this.#mostEntries()) return false;
    this.#resize(Math.min(4 * entries, this.#mostEntries()), count);
    return true;
  }

  #resize(entries: number, keep: number): void {
    const keys = new Uint8Array(entries * this.keyBytes);
    const values = new Uint8Array(entries * this.valueBytes);
    keys.set(this.#keys.subarray(0, keep * this.keyBytes));
    values.set(this.#values.subarray(0, keep * this.valueBytes));
    this.#keys = keys;
    this.#values = values;
  }

  #checkSizes(key: Uint8Array, value: Uint8Array): void {
    if (key.length !== this.keyBytes) throw this.#sizeError("key", key.length, this.keyBytes);
    if (value.length !== this.valueBytes) throw this.#sizeError("value", value.length, this.valueBytes);
  }

  #sizeError(what: string, bytes: number, expected: number): RangeError {
    return new RangeError(`Cannot use map ${this.name}: a ${what} has ${expected} bytes, not ${bytes}`);
  }
}
