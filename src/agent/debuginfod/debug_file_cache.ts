import type { Clock } from "../../../lib/clock.ts";

/** A build ID that could not be had is not asked for again before that. */
const retryAfterMs = 60 * 60 * 1000;
const debugEnding = ".debug";
const missingEnding = ".missing";
const partialEnding = ".part";

/** Where a fetched debug file is in a cache's folder. */
export function debugFilePath(folder: string, buildId: string): string {
  return `${folder}/${buildId}${debugEnding}`;
}

/**
 * Debug files by build ID on disk, those used last.
 *
 * Shape: in one folder, `BUILD_ID.debug`, whole or not there; an empty `BUILD_ID.missing` says since when (its time of change) it
 * cannot be had. A file's time of change is when it was last used.
 * Limits: bytes of all files together; the longest unused go first.
 */
export class DebugFileCache {
  readonly folder: string;
  readonly #maxBytes: number;
  readonly #clock: Clock;

  constructor(folder: string, maxBytes: number, clock: Clock) {
    this.folder = folder;
    this.#maxBytes = maxBytes;
    this.#clock = clock;
  }

  /** True when it is there; that counts as use. */
  async has(buildId: string): Promise<boolean> {
    return await this.#touch(debugFilePath(this.folder, buildId));
  }

  /** True when it could not be had within the last hour. */
  async isMissing(buildId: string): Promise<boolean> {
    try {
      const { mtime } = await Deno.stat(`${this.folder}/${buildId}${missingEnding}`);
      const ageMs = this.#clock.nowUnixMs() - (mtime?.getTime() ?? 0);
      return ageMs >= 0 && ageMs < retryAfterMs;
    } catch {
      return false;
    }
  }

  /** Remembers that it cannot be had. */
  async addMissing(buildId: string): Promise<void> {
    const path = `${this.folder}/${buildId}${missingEnding}`;
    await Deno.writeFile(path, new Uint8Array(), { mode: 0o600 });
    await this.#touch(path);
  }

  /** Takes a file in, written by `write` to the path that it gets; all or nothing. */
  async add(buildId: string, write: (path: string) => Promise<void>): Promise<void> {
    const path = debugFilePath(this.folder, buildId);
    const partial = `${this.folder}/${buildId}${partialEnding}`;
    try {
      await write(partial);
      await Deno.rename(partial, path);
    } catch (error) {
      await Deno.remove(partial).catch(() => {});
      throw error;
    }
    await Deno.remove(`${this.folder}/${buildId}${missingEnding}`).catch(() => {});
    await this.#touch(path);
    await this.#makeRoom();
  }

  /** Removes what was being written when an earlier agent ended, and what is over the limit. */
  async clean(): Promise<void> {
    for await (const { name } of Deno.readDir(this.folder)) {
      if (name.endsWith(partialEnding)) await Deno.remove(`${this.folder}/${name}`);
    }
    await this.#makeRoom();
  }

  async #touch(path: string): Promise<boolean> {
    const seconds = this.#clock.nowUnixMs() / 1000;
    try {
      await Deno.utime(path, seconds, seconds);
      return true;
    } catch {
      return false;
    }
  }

  async #makeRoom(): Promise<void> {
    const files: { path: string; bytes: number; usedMs: number }[] = [];
    for await (const { name } of Deno.readDir(this.folder)) {
      const path = `${this.folder}/${name}`;
      const info = await Deno.stat(path).catch(() => undefined);
      const usedMs = info?.mtime?.getTime() ?? 0;
      if (name.endsWith(missingEnding) && this.#clock.nowUnixMs() - usedMs >= retryAfterMs) {
        await Deno.remove(path).catch(() => {});
      } else if (name.endsWith(debugEnding)) {
        files.push({ path, bytes: info?.size ?? 0, usedMs });
      }
    }
    let total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { path, bytes } of files.sort((one, two) => one.usedMs - two.usedMs)) {
      if (total <= this.#maxBytes) return;
      await Deno.remove(path).catch(() => {});
      total -= bytes;
    }
  }
}
