import type { SpoolLog } from "./spool_log.ts";
import type { SpoolRecord } from "./spool_record.ts";

/** A log of a host that gives the agent no folder to write to. Lost with the process. */
export class MemoryLog implements SpoolLog {
  #records: SpoolRecord[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#records.length === 0;
  }

  get hasSealed(): boolean {
    return !this.isEmpty;
  }

  append(records: readonly SpoolRecord[]): Promise<void> {
    for (const record of records) {
      this.#records.push(record);
      this.#bytes += record.body.length;
    }
    return Promise.resolve();
  }

  read(acknowledged: number, maxBytes: number): Promise<SpoolRecord[]> {
    const found: SpoolRecord[] = [];
    let bytes = 0;
    for (const record of this.#records) {
      if (record.sequence <= acknowledged) continue;
      if (bytes >= maxBytes) break;
      found.push(record);
      bytes += record.body.length;
    }
    return Promise.resolve(found);
  }

  forget(acknowledged: number): Promise<void> {
    this.#keep(this.#records.filter((record) => record.sequence > acknowledged));
    return Promise.resolve();
  }

  dropOldest(acknowledged: number): Promise<number> {
    const [oldest, ...kept] = this.#records;
    this.#keep(kept);
    return Promise.resolve(oldest !== undefined && oldest.sequence > acknowledged ? 1 : 0);
  }

  close(): void {
    this.#keep([]);
  }

  #keep(records: SpoolRecord[]): void {
    this.#records = records;
    this.#bytes = records.reduce((bytes, record) => bytes + record.body.length, 0);
  }
}
