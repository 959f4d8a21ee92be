import { MappedMemory } from "../../lib/bpf/mapped_memory.ts";
import { libc } from "../../lib/sys/syscall.ts";

const SYS_PERF_EVENT_OPEN = 298n;
const PAGE_BYTES = 4096;
const ATTR_BYTES = 112;
const PERF_TYPE_SOFTWARE = 1;
const SAMPLE_IP_TID_TIME = 7n;
const SAMPLE_CALLCHAIN = 1n << 5n;
const SAMPLE_REGS_USER = 1n << 12n;
const SAMPLE_STACK_USER = 1n << 13n;
/** Attaching a program enables it. */
const ATTR_DISABLED = 1n;
const ATTR_FREQ = 1n << 10n;
const ATTR_NO_CALLCHAINS = 3n << 21n;
const ATTR_USE_CLOCKID = 1n << 25n;
const CLOCK_MONOTONIC = 1;
const REGISTERS_OF_X86_64 = 0xff0fffn;
const RECORD_SAMPLE = 9;

/** A sample as perf wrote it. */
export interface PerfSample {
  readonly tid: number;
  /** CLOCK_MONOTONIC. */
  readonly timeNs: bigint;
  /** The whole record. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The attribute of an event that fires on the CPU's clock and copies user registers and stack. */
export function perfAttribute(frequencyHz: number, stackBytes: number): Uint8Array<ArrayBuffer> {
  const attr = new DataView(new ArrayBuffer(ATTR_BYTES));
  attr.setUint32(0, PERF_TYPE_SOFTWARE, true);
  attr.setUint32(4, ATTR_BYTES, true);
  attr.setBigUint64(16, BigInt(frequencyHz), true);
  const types = SAMPLE_IP_TID_TIME | SAMPLE_CALLCHAIN | SAMPLE_REGS_USER | SAMPLE_STACK_USER;
  attr.setBigUint64(24, types, true);
  attr.setBigUint64(40, ATTR_DISABLED | ATTR_FREQ | ATTR_NO_CALLCHAINS | ATTR_USE_CLOCKID, true);
  attr.setBigUint64(80, REGISTERS_OF_X86_64, true);
  attr.setUint32(88, stackBytes, true);
  attr.setInt32(92, CLOCK_MONOTONIC, true);
  return new Uint8Array(attr.buffer);
}

/** Opens such an event on one CPU. @returns its fd. */
export function openPerfEvent(attribute: Uint8Array<ArrayBuffer>, cpu: number): number {
  const view = new DataView(attribute.buffer);
  const fd = libc().syscallPerfEventOpen(SYS_PERF_EVENT_OPEN, view, -1n, BigInt(cpu), -1n, 8n);
  if (fd < 0n) throw new Error(`Cannot open a perf event on CPU ${cpu}`);
  return Number(fd);
}

/**
 * Reads the ring of a perf event.
 *
 * Source: perf_event_open(2): one page with data_head at 1024 and data_tail at 1032, then the data, in which records wrap.
 */
export class PerfRing {
  readonly #memory: MappedMemory;
  readonly #positions: BigUint64Array<ArrayBuffer>;
  readonly #data: Uint8Array<ArrayBuffer>;

  /** `pages` is a power of two. */
  constructor(fd: number, pages: number) {
    this.#memory = new MappedMemory(fd, { bytes: (pages + 1) * PAGE_BYTES, writable: true });
    this.#positions = new BigUint64Array(this.#memory.buffer, 1024, 2);
    this.#data = new Uint8Array(this.#memory.buffer, PAGE_BYTES);
  }

  /** All samples that came since the last call. */
  drain(): PerfSample[] {
    const samples: PerfSample[] = [];
    const head = Number(this.#positions[0]);
    let tail = Number(this.#positions[1]);
    while (tail < head) {
      const header = new DataView(this.#copy(tail, 8).buffer);
      const bytes = this.#copy(tail, header.getUint16(6, true));
      if (header.getUint32(0, true) === RECORD_SAMPLE) samples.push(parseSample(bytes));
      tail += bytes.length;
    }
    this.#positions[1] = BigInt(tail);
    return samples;
  }

  close(): void {
    this.#memory.close();
  }

  #copy(position: number, length: number): Uint8Array<ArrayBuffer> {
    const at = position % this.#data.length;
    const bytes = new Uint8Array(length);
    const whole = Math.min(length, this.#data.length - at);
    bytes.set(this.#data.subarray(at, at + whole));
    bytes.set(this.#data.subarray(0, length - whole), whole);
    return bytes;
  }
}

/** Header 8, ip 8, pid and tid 4 each, time 8; what follows is for perf alone. */
function parseSample(bytes: Uint8Array<ArrayBuffer>): PerfSample {
  const view = new DataView(bytes.buffer);
  return { tid: view.getUint32(20, true), timeNs: view.getBigUint64(24, true), bytes };
}
