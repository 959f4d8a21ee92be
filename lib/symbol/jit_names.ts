import { readStatus } from "../procfs/process.ts";
import { openInRoot } from "../sys/open_in_root.ts";
import type { OpenedFile } from "../sys/opened_file.ts";
import { type JitFunction, readJitFunction } from "./jit_function.ts";
import type { LanguageRuntime } from "./language_runtime.ts";
import { PerfMap } from "./perf_map.ts";

const maxReadNames = 65_536;
/** Code is compiled all the time: before names are looked up, the map is read again when that is so long ago. */
const freshMs = 100;

/**
 * Names of one process's just-in-time code, from the perf map that its runtime may write.
 *
 * Source: /tmp/perf-PID.map in the process's own root, PID as its own pid namespace counts. Used only when it is a
 * regular file owned by the process's user: anyone may write to /tmp.
 */
export class JitNames {
  readonly #pid: number;
  readonly #functions = new Map<string, JitFunction>();
  #file: OpenedFile | undefined;
  #map: PerfMap | undefined;
  #writtenUnixMs = 0;
  #readBytes = 0;
  #refused = false;
  #refreshedAtMs = -freshMs;

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** When the map that names come from was last written, ms since 1970; 0 when there is none. */
  get writtenUnixMs(): number {
    return this.#writtenUnixMs;
  }

  /** There is a map that is not used because another user owns it. */
  get isRefused(): boolean {
    return this.#refused;
  }

  /** There is more in the map than is read of one. */
  get isCut(): boolean {
    return this.#map?.isCut ?? false;
  }

  /** The map was looked at just now. */
  get isFresh(): boolean {
    return performance.now() - this.#refreshedAtMs < freshMs;
  }

  /**
   * Opens the map when it has appeared, reads what was appended, begins anew when another file is in its place or when it was
   * written anew.
   */
  refresh(): void {
    this.#refreshedAtMs = performance.now();
    const file = this.#open();
    if (file !== undefined && file.inode === this.#file?.inode) file.close();
    else if (file !== undefined) this.#begin(file);
    const now = this.#file?.measure();
    if (this.#file === undefined || this.#map === undefined || now === undefined) return;
    if (now.modifiedUnixMs !== this.#writtenUnixMs || now.sizeBytes !== this.#readBytes) {
      if (!this.#map.isContinued(now.sizeBytes)) this.#map = new PerfMap(this.#file);
      this.#map.readNew(now.sizeBytes);
      this.#writtenUnixMs = now.modifiedUnixMs;
      this.#readBytes = now.sizeBytes;
    }
  }

  /** The function at an address; undefined when the map has none. */
  find(address: number, runtime: LanguageRuntime | undefined): JitFunction | undefined {
    const entry = this.#map?.find(address);
    if (entry === undefined) return undefined;
    const known = this.#functions.get(entry);
    if (known !== undefined) return known;
    const found = readJitFunction(entry, runtime);
    if (this.#functions.size >= maxReadNames) this.#functions.clear();
    this.#functions.set(entry, found);
    return found;
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
    this.#map = undefined;
  }

  #begin(file: OpenedFile): void {
    this.#file?.close();
    this.#file = file;
    this.#map = new PerfMap(file);
    this.#writtenUnixMs = 0;
    this.#readBytes = 0;
  }

  #open(): OpenedFile | undefined {
    const status = readStatus(this.#pid);
    if (status === undefined) return undefined;
    const file = openInRoot(this.#pid, `/tmp/perf-${status.namespacePid}.map`);
    this.#refused = file !== undefined && file.ownerUid !== status.uid;
    if (!this.#refused) return file;
    file?.close();
    return undefined;
  }
}
