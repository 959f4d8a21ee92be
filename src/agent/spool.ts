import { type Clock, systemClock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { DiskLog } from "./disk_log.ts";
import { MemoryLog } from "./memory_log.ts";
import { isNotWritable, openPrivateFolder } from "./private_folder.ts";
import { durableLogs, type LogName, logNames, logOfClass, type SpoolLog } from "./spool_log.ts";
import { type Drops, PositionFile } from "./spool_position.ts";
import { maxBodyBytes, type RecordClass, type SpoolRecord } from "./spool_record.ts";

export interface SpoolOptions {
  /** Bytes on disk that the queue may take. 256 MiB when absent; at most 8 MiB of it without a folder. */
  readonly capBytes?: number;
  readonly logger: Logger;
  readonly clock?: Clock;
}

interface Pending {
  readonly class: RecordClass;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly resolve: (sequence: number | undefined) => void;
}

const defaultCapBytes = 256 * 1024 * 1024;
const memoryCapBytes = 8 * 1024 * 1024;
const pendingLimitBytes = 16 * 1024 * 1024;
const groupBytes = 1024 * 1024;
const recordOverheadBytes = 28;
const blockSequences = 4096;

/**
 * The queue of everything the agent reports, on disk until the backend has it.
 *
 * Shape: one log of segments a class (`DiskLog`) and one position file (`PositionFile`) in a folder of mode 0700.
 * Readers merge the logs by sequence. Sequences ascend for ever: they are reserved in blocks that are on the disk
 * before one of them is used. Where no position is known they begin at the wall clock in ms × 1024, which is
 * above all that came before.
 * Limits: `capBytes`. Room is made by deleting the oldest segment of metrics (with status and inventory), then of
 * refusals, profiles, tasks; never one of a class above the newcomer's. A full disk is the same with a smaller cap:
 * what does not fit is dropped, and the queue goes on as soon as there is space.
 * Loss: `drops`; `damaged` for what was found damaged. Tasks and profiles are on the disk when `append` resolves;
 * the others may be lost with the host's power, not with the process.
 */
export class Spool {
  readonly #logs: Readonly<Record<LogName, SpoolLog>>;
  readonly #position: PositionFile | undefined;
  readonly #capBytes: number;
  readonly #logger: Logger;
  readonly #drops: Drops;
  /** Records found damaged when the queue was opened. */
  readonly damaged: number;
  #nextSequence: number;
  #reserved: number;
  #acknowledged: number;
  #pending: Pending[] = [];
  #pendingBytes = 0;
  #flushing = false;
  #queue: Promise<unknown> = Promise.resolve();
  #isFull = false;
  #isClosed = false;

  /** Use `open`. */
  constructor(
    logs: Record<LogName, SpoolLog>,
    position: PositionFile | undefined,
    start: { nextSequence: number; damaged: number; capBytes: number; logger: Logger },
  ) {
    this.#logs = logs;
    this.#position = position;
    this.#capBytes = start.capBytes;
    this.#logger = start.logger;
    this.damaged = start.damaged;
    this.#nextSequence = this.#reserved = start.nextSequence;
    this.#acknowledged = position?.initial?.acknowledged ?? 0;
    this.#drops = { ...position?.initial?.drops ?? { metrics: 0, refusals: 0, profiles: 0, tasks: 0 } };
  }

  /**
   * Opens the queue in a folder, or one in memory where there is none or it cannot be written to.
   * @throws {Error} when the folder is a link or another user's
   */
  static async open(folder: string | undefined, options: SpoolOptions): Promise<Spool> {
    const { logger, clock = systemClock, capBytes = defaultCapBytes } = options;
    const clockSequence = clock.nowUnixMs() * 1024;
    if (folder !== undefined) {
      try {
        return await Spool.#openFolder(folder, { logger, capBytes, clockSequence });
      } catch (error) {
        if (!isNotWritable(error)) throw error;
        logger.warn("The queue's folder cannot be written to", { folder, error });
      }
    }
    const cap = Math.min(capBytes, memoryCapBytes);
    logger.warn("The queue is kept in memory only and ends with the agent; give it a state folder", {
      capBytes: cap,
    });
    const logs = {
      metrics: new MemoryLog(),
      refusals: new MemoryLog(),
      profiles: new MemoryLog(),
      tasks: new MemoryLog(),
    };
    return new Spool(logs, undefined, { nextSequence: clockSequence, damaged: 0, capBytes: cap, logger });
  }

  static async #openFolder(
    folder: string,
    { logger, capBytes, clockSequence }: { logger: Logger; capBytes: number; clockSequence: number },
  ): Promise<Spool> {
    await openPrivateFolder(folder);
    const position = await PositionFile.open(`${folder}/position`);
    const segmentBytes = Math.min(1024 * 1024, Math.max(4096, Math.floor(capBytes / 64)));
    const openLog = (name: LogName) => DiskLog.open({ folder, name, segmentBytes, logger });
    const logs = {
      metrics: await openLog("metrics"),
      refusals: await openLog("refusals"),
      profiles: await openLog("profiles"),
      tasks: await openLog("tasks"),
    };
    const all = Object.values(logs);
    const start = position.initial?.reserved ?? clockSequence;
    return new Spool(logs, position, {
      nextSequence: Math.max(start, ...all.map((log) => log.lastSequence + 1)),
      damaged: all.reduce((damaged, log) => damaged + log.damaged, 0),
      capBytes,
      logger,
    });
  }

  /** Records given up since the agent's first start, as far as the position file remembers. */
  get drops(): Readonly<Drops> {
    return this.#drops;
  }

  /** Bytes the records take on disk (or in memory). */
  get bytes(): number {
    return logNames.reduce((bytes, name) => bytes + this.#logs[name].bytes, 0);
  }

  /** Whether the last attempt to write failed. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /**
   * Adds a record and resolves to its sequence once it is kept; to `undefined` when it had to be dropped, which is
   * counted. Never rejects.
   */
  append(recordClass: RecordClass, body: Uint8Array<ArrayBuffer>): Promise<number | undefined> {
    if (
      this.#isClosed || body.length > maxBodyBytes || this.#pendingBytes + body.length > pendingLimitBytes
    ) {
      this.#logger.warn("A record does not fit the queue and is dropped", {
        class: recordClass,
        bytes: body.length,
      });
      this.#drops[logOfClass[recordClass]] += 1;
      return Promise.resolve(undefined);
    }
    return new Promise((resolve) => {
      this.#pending.push({ class: recordClass, body, resolve });
      this.#pendingBytes += body.length;
      if (this.#flushing) return;
      this.#flushing = true;
      void this.#exclusive(() => this.#flush());
    });
  }

  /** The oldest records, ascending, `maxBytes` of bodies together but at least one; empty when there is none. */
  peekBatch(maxBytes: number): Promise<SpoolRecord[]> {
    return this.#exclusive(async () => {
      const found: SpoolRecord[] = [];
      for (const name of logNames) found.push(...await this.#logs[name].read(this.#acknowledged, maxBytes));
      found.sort((left, right) => left.sequence - right.sequence);
      let bytes = 0;
      const beyond = found.findIndex((record, index) => {
        // A log that gave so many bytes has stopped there: what another gave beyond must not be taken before the rest.
        const isFull = bytes >= maxBytes;
        bytes += record.body.length;
        return index > 0 && (isFull || bytes > maxBytes);
      });
      return beyond < 0 ? found : found.slice(0, beyond);
    });
  }

  /** Forgets everything at or below `sequence`. */
  acknowledge(sequence: number): Promise<void> {
    return this.#exclusive(async () => {
      const acknowledged = Math.min(sequence, this.#nextSequence - 1);
      if (acknowledged <= this.#acknowledged) return;
      this.#acknowledged = acknowledged;
      for (const name of logNames) await this.#logs[name].forget(acknowledged);
      await this.#savePosition(this.#reserved, false);
    });
  }

  /** Writes what is pending and closes the files. Later records are dropped. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.#exclusive(async () => {
      await this.#savePosition(this.#nextSequence, true);
      for (const name of logNames) this.#logs[name].close();
      this.#position?.close();
    });
  }

  /** One at a time, in order: a reader never sees a segment that is being written or deleted. */
  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => {});
    return result;
  }

  async #flush(): Promise<void> {
    while (this.#pending.length > 0) {
      const group = this.#takeGroup();
      const reserved = await this.#reserve(group.length);
      const sequences = new Map<Pending, number>();
      for (const pending of group) sequences.set(pending, this.#nextSequence++);
      const dropsBefore = totalDrops(this.#drops);
      for (const name of logNames.toReversed()) {
        const mine = group.filter((pending) => logOfClass[pending.class] === name);
        if (mine.length === 0) continue;
        const records = mine.map((pending) => ({
          sequence: sequences.get(pending) ?? 0,
          class: pending.class,
          body: pending.body,
        }));
        const kept = reserved && await this.#store(name, records);
        if (!kept) this.#drops[name] += mine.length;
        for (const pending of mine) pending.resolve(kept ? sequences.get(pending) : undefined);
      }
      if (totalDrops(this.#drops) > dropsBefore) await this.#savePosition(this.#reserved, false);
    }
    this.#flushing = false;
  }

  #takeGroup(): Pending[] {
    let bytes = 0;
    const beyond = this.#pending.findIndex((pending, index) =>
      (bytes += pending.body.length) > groupBytes && index > 0
    );
    const group = this.#pending.splice(0, beyond < 0 ? this.#pending.length : beyond);
    for (const pending of group) this.#pendingBytes -= pending.body.length;
    return group;
  }

  async #reserve(count: number): Promise<boolean> {
    if (this.#position === undefined || this.#nextSequence + count <= this.#reserved) return true;
    const reserved = this.#nextSequence + count + blockSequences;
    if (!await this.#savePosition(reserved, true)) return false;
    this.#reserved = reserved;
    return true;
  }

  async #store(name: LogName, records: SpoolRecord[]): Promise<boolean> {
    const needBytes = records.reduce((bytes, record) => bytes + record.body.length + recordOverheadBytes, 0);
    while (this.bytes + needBytes > this.#capBytes) {
      if (!await this.#makeRoom(name, false)) return false;
    }
    while (true) {
      try {
        await this.#logs[name].append(records, durableLogs.has(name));
        if (this.#isFull) this.#logger.info("The queue can be written to again", { bytes: this.bytes });
        this.#isFull = false;
        return true;
      } catch (error) {
        if (!this.#isFull) {
          this.#logger.error("The queue cannot be written to; free some disk space", { error });
        }
        this.#isFull = true;
        if (!isNotWritable(error) || !await this.#makeRoom(name, true)) return false;
      }
    }
  }

  /** Deletes the oldest segment of the first log that has to give way to `name`; false when there is none. */
  async #makeRoom(name: LogName, onlySealed: boolean): Promise<boolean> {
    for (const victim of logNames) {
      const log = this.#logs[victim];
      const mayGo = victim === name && onlySealed ? log.hasSealed : !log.isEmpty;
      if (mayGo) {
        this.#drops[victim] += await log.dropOldest(this.#acknowledged);
        return true;
      }
      if (victim === name) return false;
    }
    return false;
  }

  async #savePosition(reserved: number, durable: boolean): Promise<boolean> {
    try {
      await this.#position?.write(
        { reserved, acknowledged: this.#acknowledged, drops: this.#drops },
        durable,
      );
      return true;
    } catch (error) {
      this.#logger.warn("The queue's position cannot be saved", { error });
      return false;
    }
  }
}

function totalDrops(drops: Readonly<Drops>): number {
  return drops.metrics + drops.refusals + drops.profiles + drops.tasks;
}
