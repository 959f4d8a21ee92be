/** Where the fields of the kernel's process record lie, in bytes; all numbers little-endian. */
export interface ProcessLayout {
  /** Of a whole record, a multiple of 8. */
  readonly size: number;
  /** u64: CPU time of all threads, those that ended as well, as the scheduler counts it. */
  readonly runTimeNs: number;
  /** u64 */
  readonly startBootNs: number;
  /** u64: changes with every exec. */
  readonly execId: number;
  /** u32, as are the next four. */
  readonly pid: number;
  readonly parentPid: number;
  readonly tgid: number;
  readonly threads: number;
  readonly uid: number;
  /** 16 bytes, NUL-terminated. */
  readonly name: number;
}

/** One process as the kernel counts it. The table changes it in place with each snapshot. */
export interface ProcessRow {
  readonly pid: number;
  /** Pid in the host's pid namespace, by which BPF programs know it. */
  readonly tgid: number;
  readonly startBootNs: number;
  parentPid: number;
  uid: number;
  /** As of the start or the last exec. */
  name: string;
  threads: number;
  /** Never falls, even where a thread ended while the kernel counted. */
  runTimeNs: number;
  /** CPU time within the interval that the last snapshot ended; undefined for a process first seen in it. */
  usedNs: number | undefined;
}

/** What a snapshot changed. Each list is the table's own and good until the next snapshot. */
export interface TableChanges {
  readonly started: readonly ProcessRow[];
  /** The same process, another program. */
  readonly executed: readonly ProcessRow[];
  /** A reused pid is among both `ended` and `started`. */
  readonly ended: readonly ProcessRow[];
}

interface TrackedRow extends ProcessRow {
  snapshot: number;
  execIdLow: number;
  execIdHigh: number;
}

const highUnit = 2 ** 32;
/** A timer may fire this much before its deadline. */
const earlyNs = 50e6;

/**
 * Follows all processes of the host from one snapshot of the kernel's to the next.
 *
 * A known process costs a map lookup and no allocation: 5,000 processes take about a millisecond.
 */
export class ProcessTable {
  readonly #offsets: ProcessLayout;
  readonly #rows = new Map<number, TrackedRow>();
  readonly #started: TrackedRow[] = [];
  readonly #executed: TrackedRow[] = [];
  readonly #ended: TrackedRow[] = [];
  readonly #decoder = new TextDecoder();
  #snapshot = 0;
  #atBootNs = 0;
  #elapsedNs = 0;
  #second = -1;
  #coveredSeconds = 0;

  constructor(layout: ProcessLayout) {
    if (layout.size % 8 !== 0) throw new RangeError(`Cannot read process records of ${layout.size} bytes`);
    this.#offsets = layout;
  }

  /** Time of the last snapshot. */
  get atBootNs(): number {
    return this.#atBootNs;
  }

  /** Time between the last two snapshots; 0 before the second. */
  get elapsedNs(): number {
    return this.#elapsedNs;
  }

  /**
   * Slot that the last snapshot closed: the newest whole second of CLOCK_BOOTTIME that was over when it was taken. One
   * taken at 12.003 s closes slot 11, which is [11 s, 12 s).
   */
  get second(): number {
    return this.#second;
  }

  /** How many slots the last interval covers, up to and with `second`: 1, or more where ticks were missed. */
  get coveredSeconds(): number {
    return this.#coveredSeconds;
  }

  get size(): number {
    return this.#rows.size;
  }

  get(pid: number): ProcessRow | undefined {
    return this.#rows.get(pid);
  }

  /**
   * Takes over a whole snapshot of the host's processes.
   *
   * @param atBootNs When its counters were read.
   * @param records Records one after the other; the start must be aligned to 4 bytes. A cut one at the end is left out.
   */
  update(atBootNs: number, records: Uint8Array): TableChanges {
    this.#moveTo(atBootNs);
    const { size } = this.#offsets;
    const count = Math.floor(records.length / size);
    const words = new Uint32Array(records.buffer, records.byteOffset, count * size / 4);
    for (let index = 0; index < count; index++) this.#takeRow(records, words, index);
    if (this.#rows.size > count) this.#endMissing();
    return { started: this.#started, executed: this.#executed, ended: this.#ended };
  }

  #moveTo(atBootNs: number): void {
    const second = Math.floor((atBootNs + earlyNs) / 1e9) - 1;
    this.#elapsedNs = this.#snapshot === 0 ? 0 : atBootNs - this.#atBootNs;
    this.#coveredSeconds = this.#snapshot === 0 ? 0 : second - this.#second;
    this.#atBootNs = atBootNs;
    this.#second = second;
    this.#snapshot++;
    this.#started.length = this.#executed.length = this.#ended.length = 0;
  }

  #takeRow(records: Uint8Array, words: Uint32Array, index: number): void {
    const offsets = this.#offsets;
    const base = index * offsets.size / 4;
    const pid = words[base + offsets.pid / 4]!;
    const startBootNs = readU64(words, base + offsets.startBootNs / 4);
    const runTimeNs = readU64(words, base + offsets.runTimeNs / 4);
    const execIdLow = words[base + offsets.execId / 4]!;
    const execIdHigh = words[base + offsets.execId / 4 + 1]!;

    let row = this.#rows.get(pid);
    if (row?.startBootNs !== startBootNs) {
      if (row !== undefined) this.#ended.push(row);
      row = {
        ...{
          pid,
          tgid: words[base + offsets.tgid / 4]!,
          startBootNs,
          parentPid: 0,
          uid: 0,
          name: "",
          threads: 0,
          runTimeNs,
          usedNs: undefined,
        },
        ...{ snapshot: 0, execIdLow, execIdHigh },
      };
      this.#rows.set(pid, row);
      row.name = this.#readName(records, index);
      this.#started.push(row);
    } else if (row.snapshot !== this.#snapshot) {
      row.usedNs = Math.max(0, runTimeNs - row.runTimeNs);
      if (runTimeNs > row.runTimeNs) row.runTimeNs = runTimeNs;
      if (row.execIdLow !== execIdLow || row.execIdHigh !== execIdHigh) {
        row.execIdLow = execIdLow;
        row.execIdHigh = execIdHigh;
        row.name = this.#readName(records, index);
        this.#executed.push(row);
      }
    }
    row.snapshot = this.#snapshot;
    row.parentPid = words[base + offsets.parentPid / 4]!;
    row.threads = words[base + offsets.threads / 4]!;
    row.uid = words[base + offsets.uid / 4]!;
  }

  #endMissing(): void {
    for (const [pid, row] of this.#rows) {
      if (row.snapshot === this.#snapshot) continue;
      this.#rows.delete(pid);
      this.#ended.push(row);
    }
  }

  #readName(records: Uint8Array, index: number): string {
    const start = index * this.#offsets.size + this.#offsets.name;
    const bytes = records.subarray(start, start + 16);
    const end = bytes.indexOf(0);
    return this.#decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
  }
}

/** Exact to 2^53, which is 104 days in nanoseconds; then to 2 ns. */
function readU64(words: Uint32Array, index: number): number {
  return words[index]! + words[index + 1]! * highUnit;
}
