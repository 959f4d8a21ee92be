import { type Logger } from "../../lib/log.ts";
import { syncFolder, writeAll } from "./private_folder.ts";
import type { SpoolLog } from "./spool_log.ts";
import { decodeBody, encodeRecord, scanRecords, type SpoolRecord } from "./spool_record.ts";

interface Segment {
  readonly path: string;
  readonly salt: number;
  readonly firstSequence: number;
  lastSequence: number;
  records: number;
  /** Bytes that are whole; a torn write beyond is never read. */
  bytes: number;
  /** Everything before is acknowledged. */
  readFrom: number;
}

export interface DiskLogOptions {
  readonly folder: string;
  readonly name: string;
  /** A segment that has reached this size is written no more. */
  readonly segmentBytes: number;
  readonly logger: Logger;
}

/**
 * A log in files.
 * Shape: segments `NAME-FIRST-SALT.log` (first sequence in 14 hex digits, salt in 8), each a row of records
 * (`encodeRecord`) and nothing else. A segment of an earlier run is only read, never written to again.
 * Limits: segments end at `segmentBytes` and the group that crosses it.
 * Loss: damaged records are skipped and counted in `damaged`.
 */
export class DiskLog implements SpoolLog {
  readonly #options: DiskLogOptions;
  readonly #segments: Segment[] = [];
  #active: { segment: Segment; file: Deno.FsFile } | undefined;
  /** Records found damaged since the log was opened. */
  damaged = 0;

  /** Use `open`. */
  constructor(options: DiskLogOptions) {
    this.#options = options;
  }

  /** Opens what earlier runs left, whatever state it is in. */
  static async open(options: DiskLogOptions): Promise<DiskLog> {
    const log = new DiskLog(options);
    const names: string[] = [];
    for await (const entry of Deno.readDir(options.folder)) if (entry.isFile) names.push(entry.name);
    for (const name of names.sort()) await log.#take(name);
    return log;
  }

  get bytes(): number {
    return this.#segments.reduce((bytes, segment) => bytes + segment.bytes, 0);
  }

  get isEmpty(): boolean {
    return this.#segments.length === 0;
  }

  get hasSealed(): boolean {
    return this.#segments.some((segment) => segment !== this.#active?.segment);
  }

  /** Highest sequence held, 0 when empty. */
  get lastSequence(): number {
    return this.#segments.at(-1)?.lastSequence ?? 0;
  }

  async append(records: readonly SpoolRecord[], durable: boolean): Promise<void> {
    const first = records[0];
    const last = records.at(-1);
    if (first === undefined || last === undefined) return;
    const { segment, file } = this.#active ?? await this.#begin(first.sequence, durable);
    const encoded = records.map((record, index) =>
      encodeRecord(record, segment.records + index, segment.salt)
    );
    const bytes = await new Blob(encoded).bytes();
    try {
      await writeAll(file, bytes);
      if (durable) await file.syncData();
    } catch (error) {
      await this.#rollBack(segment, file);
      throw error;
    }
    segment.bytes += bytes.length;
    segment.records += records.length;
    segment.lastSequence = last.sequence;
    if (segment.bytes >= this.#options.segmentBytes) this.#seal();
  }

  async read(acknowledged: number, maxBytes: number): Promise<SpoolRecord[]> {
    const found: SpoolRecord[] = [];
    let bytes = 0;
    for (const segment of [...this.#segments]) {
      if (segment.lastSequence <= acknowledged) continue;
      if (bytes >= maxBytes) break;
      const start = segment.readFrom;
      const content = await this.#readSegment(segment, start);
      for (const frame of scanRecords(content, segment.salt).frames) {
        if (frame.sequence <= acknowledged) {
          segment.readFrom = start + frame.end;
          continue;
        }
        if (bytes >= maxBytes) break;
        const body = decodeBody(content, frame);
        if (body === undefined) continue;
        found.push({ sequence: frame.sequence, class: frame.class, body });
        bytes += body.length;
      }
    }
    return found;
  }

  async forget(acknowledged: number): Promise<void> {
    for (const segment of [...this.#segments]) {
      if (segment.lastSequence > acknowledged) break;
      const isActive = segment === this.#active?.segment;
      if (!isActive || segment.bytes >= this.#options.segmentBytes / 4) await this.#delete(segment);
    }
  }

  async dropOldest(acknowledged: number): Promise<number> {
    const segment = this.#segments[0];
    if (segment === undefined) return 0;
    let lost = segment.firstSequence > acknowledged ? segment.records : 0;
    if (lost === 0 && segment.lastSequence > acknowledged) {
      const content = await this.#readSegment(segment, segment.readFrom);
      const { frames } = scanRecords(content, segment.salt);
      lost = frames.filter((frame) => frame.sequence > acknowledged).length;
    }
    await this.#delete(segment);
    return lost;
  }

  close(): void {
    this.#seal();
  }

  async #take(name: string): Promise<void> {
    const match = /^([a-z]+)-[0-9a-f]{14}-([0-9a-f]{8})\.log$/.exec(name);
    if (match?.[1] !== this.#options.name) return;
    const path = `${this.#options.folder}/${name}`;
    const salt = Number.parseInt(match[2] ?? "", 16);
    let content: Uint8Array;
    try {
      content = await Deno.readFile(path);
    } catch (error) {
      this.damaged += 1;
      this.#options.logger.warn("Cannot read a file of the queue", { path, error });
      return;
    }
    const { frames, damaged } = scanRecords(content, salt);
    if (damaged > 0) {
      this.damaged += damaged;
      this.#options.logger.warn("The queue holds damaged records, which are skipped", { path, damaged });
    }
    const first = frames[0];
    const last = frames.at(-1);
    if (first === undefined || last === undefined) {
      await Deno.remove(path);
      return;
    }
    this.#segments.push({
      path,
      salt,
      firstSequence: first.sequence,
      lastSequence: last.sequence,
      records: frames.length,
      bytes: content.length,
      readFrom: 0,
    });
  }

  async #begin(firstSequence: number, durable: boolean): Promise<{ segment: Segment; file: Deno.FsFile }> {
    const { folder, name } = this.#options;
    const [salt = 0] = crypto.getRandomValues(new Uint32Array(1));
    const path = `${folder}/${name}-${toHex(firstSequence, 14)}-${toHex(salt, 8)}.log`;
    const file = await Deno.open(path, { createNew: true, append: true, mode: 0o600 });
    const segment = {
      path,
      salt,
      firstSequence,
      lastSequence: firstSequence,
      records: 0,
      bytes: 0,
      readFrom: 0,
    };
    this.#active = { segment, file };
    this.#segments.push(segment);
    if (durable) await syncFolder(folder);
    return this.#active;
  }

  /** Cuts a write that failed half-way off again, or gives the segment up where even that fails. */
  async #rollBack(segment: Segment, file: Deno.FsFile): Promise<void> {
    if (segment.records === 0) {
      await this.#delete(segment);
      return;
    }
    try {
      await file.truncate(segment.bytes);
    } catch {
      this.#seal();
    }
  }

  #seal(): void {
    this.#active?.file.close();
    this.#active = undefined;
  }

  async #delete(segment: Segment): Promise<void> {
    if (segment === this.#active?.segment) this.#seal();
    this.#segments.splice(this.#segments.indexOf(segment), 1);
    try {
      await Deno.remove(segment.path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      this.#options.logger.warn("Cannot delete a file of the queue", { path: segment.path, error });
    }
  }

  /** Reads the whole part of a segment from `start` on; what can no longer be read is as good as damaged. */
  async #readSegment(segment: Segment, start: number): Promise<Uint8Array> {
    const content = new Uint8Array(segment.bytes - start);
    let length = 0;
    try {
      using file = await Deno.open(segment.path);
      await file.seek(start, Deno.SeekMode.Start);
      while (length < content.length) {
        const read = await file.read(content.subarray(length));
        if (read === null) break;
        length += read;
      }
    } catch (error) {
      this.damaged += segment.records;
      this.#options.logger.warn("Cannot read a file of the queue", { path: segment.path, error });
      await this.#delete(segment);
    }
    return content.subarray(0, length);
  }
}

function toHex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
