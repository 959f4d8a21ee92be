import { Code, ConnectError } from "@connectrpc/connect";
import type { Logger } from "../../lib/log.ts";
import { Backoff, sleep } from "./backoff.ts";
import type { QueuedRecord, RecordBody, ReportWire } from "./report_wire.ts";
import type { Spool } from "./spool.ts";
import type { SpoolRecord } from "./spool_record.ts";

export interface ReporterOptions {
  readonly wire: ReportWire;
  readonly spool: Spool;
  readonly logger: Logger;
  /** Longest wait after a first failure, doubled with each further one up to 30 s; 500 ms when absent. */
  readonly firstRetryMs?: number;
}

/** How the reports get on. */
export interface ReportHealth {
  readonly connected: boolean;
  /** One sentence; `""` when the last attempt went well or there was none yet. */
  readonly lastError: string;
}

/** Of a wire that gathers nothing, which is woken by each record. */
const idleMs = 30_000;
const batchBytes = 1024 * 1024;
const flushMs = 2_000;

/**
 * Sends what is queued, in batches, until the backend has it.
 * Limits: a batch is 1 MiB (or one record); tasks and profiles leave at once, the rest within the time of its wire. Between
 * attempts that fail there are up to 30 s.
 * Loss: a record the backend refuses for good is logged and forgotten; nothing else is lost here.
 */
export class Reporter {
  readonly #options: ReporterOptions;
  readonly #backoff: Backoff;
  #batchBytes = batchBytes;
  #wake = new AbortController();
  #health: ReportHealth = { connected: false, lastError: "" };

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.firstRetryMs ?? 500, 30_000);
  }

  get health(): ReportHealth {
    return this.#health;
  }

  /**
   * Queues a record; resolves to the last sequence it got once it is kept, to `undefined` when the queue dropped any of it
   * or the wire has no place for it.
   */
  async report(body: RecordBody): Promise<number | undefined> {
    const queued = this.#options.wire.encode(body);
    const sequences = await Promise.all(
      queued.map(({ class: recordClass, body: bytes }) => this.#options.spool.append(recordClass, bytes)),
    );
    const gathers = this.#options.wire.gatherMs > 0;
    const isUrgent = ({ class: name }: QueuedRecord) => !gathers || name === "task" || name === "profile";
    if (queued.some(isUrgent)) this.#wake.abort();
    return sequences.includes(undefined) ? undefined : sequences.at(-1);
  }

  /** Sends until `signal` is aborted, then sends what is left for at most 2 s. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const end = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = () => {
      this.#wake.abort();
      timer = setTimeout(() => end.abort(), flushMs);
    };
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    try {
      while (!signal.aborted) {
        const state = await this.#sendBatch(end.signal);
        if (state === "more") continue;
        if (state === "failed") await sleep(this.#backoff.nextMs(), signal);
        else await this.#waitForMore();
      }
      while (!end.signal.aborted && await this.#sendBatch(end.signal) === "more");
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    }
  }

  async #waitForMore(): Promise<void> {
    await sleep(this.#options.wire.gatherMs || idleMs, this.#wake.signal);
    this.#wake = new AbortController();
  }

  async #sendBatch(signal: AbortSignal): Promise<"more" | "idle" | "failed"> {
    const records = await this.#options.spool.peekBatch(this.#batchBytes);
    const last = records.at(-1);
    if (last === undefined) return "idle";
    let kept: number;
    try {
      kept = Math.min(await this.#options.wire.send(records, signal), last.sequence);
      if (kept < (records[0]?.sequence ?? 0)) {
        throw new ConnectError("no record was stored", Code.Unavailable);
      }
      await this.#options.spool.acknowledge(kept);
    } catch (error) {
      const isInvalid = ConnectError.from(error).code === Code.InvalidArgument;
      if (isInvalid && await this.#isolate(records, error, signal)) return "more";
      this.#fail(error);
      return "failed";
    }
    this.#succeed();
    const wasFull = records.reduce((bytes, record) => bytes + record.body.length, 0) * 2 > this.#batchBytes;
    this.#batchBytes = batchBytes;
    return wasFull || kept < last.sequence ? "more" : "idle";
  }

  /**
   * Finds the record for which a whole batch is invalid: sends one by one, and gives up the one that is refused while
   * an empty batch of the same agent is not. True when sending can go on.
   */
  async #isolate(records: readonly SpoolRecord[], error: unknown, signal: AbortSignal): Promise<boolean> {
    const [first] = records;
    if (records.length > 1 || first === undefined) {
      this.#batchBytes = 1;
      return true;
    }
    try {
      await this.#options.wire.send([], signal);
    } catch {
      return false;
    }
    this.#options.logger.warn("The backend refuses a record for good", {
      sequence: first.sequence,
      reason: ConnectError.from(error).rawMessage,
    });
    await this.#options.spool.acknowledge(first.sequence);
    return true;
  }

  #succeed(): void {
    this.#backoff.reset();
    if (!this.#health.connected) {
      this.#options.logger.info("Reports reach the backend", { url: this.#options.wire.url });
    }
    this.#health = { connected: true, lastError: "" };
  }

  #fail(error: unknown): void {
    const lastError = this.#options.wire.describeError(error);
    if (this.#health.connected || this.#health.lastError !== lastError) {
      this.#options.logger.warn("Reports wait in the queue", { reason: lastError });
    }
    this.#health = { connected: false, lastError };
  }
}
