import { libc } from "../sys/syscall.ts";
import type { BpfMap } from "./map.ts";
import { MappedMemory } from "./mapped_memory.ts";

const SC_PAGESIZE = 30;
const HEADER_BYTES = 8;
const BUSY = 0x8000_0000;
const DISCARDED = 0x4000_0000;
const LENGTH = 0x3fff_ffff;

/**
 * Reads a BPF ring buffer without copying. Not for concurrent use: the kernel allows one reader.
 *
 * Source: BPF_MAP_TYPE_RINGBUF (kernel/bpf/ringbuf.c): one page with the consumer's position, which is ours to write;
 * one page with the producers' position; the data, mapped twice so that a record never wraps.
 * Shape: records of 8 bytes of header (u32: length, bit 31 still being written, bit 30 discarded) and the payload, rounded
 * up to 8 bytes, in the order in which they were reserved.
 * Limits: none of its own; positions are kept as doubles, exact for 2^53 bytes.
 * Loss: a record that found no room was never here; the BPF program counts it.
 */
export class RingBuffer {
  readonly #consumerMemory: MappedMemory;
  readonly #producerMemory: MappedMemory;
  readonly #consumerPosition: BigInt64Array<ArrayBuffer>;
  readonly #producerPosition: Int32Array<ArrayBuffer>;
  readonly #headers: Uint32Array<ArrayBuffer>;
  readonly #view: DataView<ArrayBuffer>;
  readonly #mask: number;
  #position: number;

  /** @throws {BpfError} when the kernel refuses to map the ring. */
  constructor(map: BpfMap) {
    const pageBytes = Number(libc().sysconf(SC_PAGESIZE));
    const dataBytes = map.maxEntries;
    this.#consumerMemory = new MappedMemory(map.fd, { bytes: pageBytes, writable: true });
    try {
      this.#producerMemory = new MappedMemory(map.fd, {
        bytes: pageBytes + 2 * dataBytes,
        offset: pageBytes,
      });
    } catch (error) {
      this.#consumerMemory.close();
      throw error;
    }
    this.#consumerPosition = new BigInt64Array(this.#consumerMemory.buffer, 0, 1);
    this.#producerPosition = new Int32Array(this.#producerMemory.buffer, 0, 1);
    this.#headers = new Uint32Array(this.#producerMemory.buffer, pageBytes);
    this.#view = new DataView(this.#producerMemory.buffer, pageBytes);
    this.#mask = dataBytes - 1;
    this.#position = Number(this.#consumerPosition[0]);
  }

  /**
   * Hands over the records that are complete, oldest first, at most `maxRecords`, then frees their room. The view is the ring
   * itself: read what is needed before returning. When `onRecord` throws, that record counts as read.
   *
   * @returns how many were handed over.
   */
  drain(
    onRecord: (view: DataView<ArrayBuffer>, offset: number, length: number) => void,
    maxRecords: number = Infinity,
  ): number {
    let position = this.#position;
    let count = 0;
    try {
      while (count < maxRecords && this.#behindBytes(position) > 0) {
        const offset = position & this.#mask;
        // Its writer clears the busy bit last, after the payload.
        const header = Atomics.load(this.#headers, offset >>> 2);
        if (header & BUSY) break;
        const length = header & LENGTH;
        position += (length + HEADER_BYTES + 7) & ~7;
        if (header & DISCARDED) continue;
        count++;
        onRecord(this.#view, offset + HEADER_BYTES, length);
      }
    } finally {
      if (position !== this.#position) {
        this.#position = position;
        Atomics.store(this.#consumerPosition, 0, BigInt(position));
      }
    }
    return count;
  }

  /** Ends the mappings; the map is its object's. */
  close(): void {
    this.#consumerMemory.close();
    this.#producerMemory.close();
  }

  /** Bytes between our position and the producers', by their low 32 bits: the ring is smaller than 2^31. */
  #behindBytes(position: number): number {
    return (Atomics.load(this.#producerPosition, 0) - (position | 0)) | 0;
  }
}
