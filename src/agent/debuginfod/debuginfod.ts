import type { Clock } from "../../../lib/clock.ts";
import type { Logger } from "../../../lib/log.ts";
import { openPrivateFolder, writeAll } from "../private_folder.ts";
import { DebugFileCache } from "./debug_file_cache.ts";

/** Longest time for one file, from all servers. */
const fileTimeoutMs = 60_000;
/** Longest wait of one question; what comes later is there for the next. */
const waitMs = 10_000;
/** Build IDs come from a process that reads hostile files; and they become file names. */
const buildIdPattern = /^[0-9a-f]{8,128}$/;

/** How debug files are fetched. */
export interface DebuginfodOptions {
  /** Where they are kept; made when it is not there. */
  readonly folder: string;
  /** Servers, asked in turn. */
  readonly urls: readonly string[];
  readonly maxFileBytes: number;
  readonly maxCacheBytes: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Fetches debug files by build ID from debuginfod servers and keeps them. It is the agent that fetches, not the naming
 * child: that one reads hostile files and has nothing to say to servers. What came is not looked into here; the child takes it
 * only when it holds the same build ID.
 *
 * Source: GET URL/buildid/BUILD_ID/debuginfo.
 * Limits: bytes a file and in all; a minute a file, one file at a time; one that could not be had is not asked for within an hour.
 */
export class Debuginfod {
  readonly #options: DebuginfodOptions;
  readonly #cache: DebugFileCache;
  readonly #fetching = new Map<string, Promise<boolean>>();
  #queue: Promise<unknown>;

  /** `open` is the way to get one. */
  private constructor(options: DebuginfodOptions) {
    this.#options = options;
    this.#cache = new DebugFileCache(options.folder, options.maxCacheBytes, options.clock);
    this.#queue = this.#cache.clean();
  }

  /** @throws {Error} when the folder cannot be made, or is a link or another user's */
  static async open(options: DebuginfodOptions): Promise<Debuginfod> {
    await openPrivateFolder(options.folder);
    const debuginfod = new Debuginfod(options);
    await debuginfod.#queue;
    return debuginfod;
  }

  get folder(): string {
    return this.#cache.folder;
  }

  /** Which of these there are, after waiting at most ten seconds for those that must be fetched. */
  async fetch(buildIds: readonly string[]): Promise<string[]> {
    const found: string[] = [];
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, waitMs);
    const all = Promise.all(buildIds.map(async (buildId) => {
      if (buildIdPattern.test(buildId) && await this.#fetchOnce(buildId)) found.push(buildId);
    }));
    await Promise.race([all, late]);
    clearTimeout(timer);
    return [...found];
  }

  #fetchOnce(buildId: string): Promise<boolean> {
    const known = this.#fetching.get(buildId);
    if (known !== undefined) return known;
    const fetching = this.#queue.then(() => this.#fetchOne(buildId)).finally(() =>
      this.#fetching.delete(buildId)
    );
    this.#queue = fetching;
    this.#fetching.set(buildId, fetching);
    return fetching;
  }

  /** Never throws: what goes wrong is said in the log, and remembered. */
  async #fetchOne(buildId: string): Promise<boolean> {
    const { logger, urls } = this.#options;
    if (await this.#cache.has(buildId)) return true;
    if (await this.#cache.isMissing(buildId)) return false;
    const signal = AbortSignal.timeout(fileTimeoutMs);
    for (const url of urls) {
      try {
        if (
          await this.#download(`${url.replace(/\/+$/, "")}/buildid/${buildId}/debuginfo`, buildId, signal)
        ) {
          return true;
        }
      } catch (error) {
        logger.warn("A debug file could not be fetched", { url, buildId, error });
      }
    }
    await this.#cache.addMissing(buildId).catch((error) =>
      logger.warn("The cache of debug files cannot be written to", { folder: this.folder, error })
    );
    return false;
  }

  /** False when that server does not have it. */
  async #download(url: string, buildId: string, signal: AbortSignal): Promise<boolean> {
    const response = await fetch(url, { signal, headers: { "user-agent": "stakeout" } });
    const { body } = response;
    if (!response.ok || body === null) {
      await body?.cancel();
      if (response.status === 404) return false;
      throw new Error(`HTTP status ${response.status}`);
    }
    await this.#cache.add(buildId, (path) => this.#write(path, body));
    return true;
  }

  async #write(path: string, body: ReadableStream<Uint8Array>): Promise<void> {
    const { maxFileBytes } = this.#options;
    using file = await Deno.open(path, { write: true, create: true, truncate: true, mode: 0o600 });
    let bytes = 0;
    for await (const piece of body) {
      bytes += piece.length;
      if (bytes > maxFileBytes) throw new Error(`It is larger than ${maxFileBytes} bytes`);
      await writeAll(file, piece);
    }
  }
}
