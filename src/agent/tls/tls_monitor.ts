import { keepExecutable, type Mapping, parseMaps, readMapsText } from "../../../lib/procfs/maps.ts";
import { readSmallFile } from "../../../lib/procfs/small_file.ts";
import type { Logger } from "../../../lib/log.ts";
import { TlsLibraries, type TlsPrograms } from "./tls_libraries.ts";
import { explainUnread } from "./tls_stack.ts";

/** Maps are read again when the size of a process's memory has changed, and this often in any case. */
const rescanSeconds = 60;
/** Files of one process that are looked at. */
const maxFiles = 1024;
const decoder = new TextDecoder();
const statmBuffer = new Uint8Array(64);

interface ProcessTls {
  readonly pid: number;
  /** Files it executes, by {@linkcode TlsLibraries.keyOf}. */
  files: ReadonlySet<string>;
  reason: string;
  /** Whether it forks, so that its children have to be read too. */
  forks: boolean;
  memoryPages: number;
  scannedSecond: number;
}

/**
 * Sees to it that the OpenSSL of followed processes is probed, also one that is loaded later.
 *
 * Source: /proc/PID/statm each second, about 15 µs; /proc/PID/maps when it says something new.
 */
export class TlsMonitor {
  readonly #libraries: TlsLibraries;
  readonly #logger: Logger;
  readonly #followed = new Map<string, ProcessTls>();
  #scanning: Promise<void> | undefined;
  #second = 0;
  #closed = false;

  constructor(programs: TlsPrograms, logger: Logger) {
    this.#libraries = new TlsLibraries(programs);
    this.#logger = logger;
  }

  /** Probes what a process has loaded and will load. */
  follow(processId: string, pid: number): void {
    if (this.#followed.has(processId)) return;
    this.#followed.set(processId, {
      ...{ pid, files: new Set<string>(), reason: "its libraries are being looked at" },
      ...{ forks: false, memoryPages: -1, scannedSecond: 0 },
    });
    this.#scan();
  }

  /** Reads children of a process from now on that nobody follows. */
  readChildren(processId: string): void {
    const process = this.#followed.get(processId);
    if (process === undefined || process.forks) return;
    process.forks = true;
    process.memoryPages = -1;
  }

  /** Probes no longer what only this process had loaded. */
  leave(processId: string): void {
    const process = this.#followed.get(processId);
    if (process === undefined) return;
    this.#followed.delete(processId);
    void this.#libraries.release(processId, process.files);
  }

  /** Why the TLS of a followed process is not read, or what it costs; `""` when there is nothing to say. */
  reason(processId: string): string {
    return this.#followed.get(processId)?.reason ?? "";
  }

  /** Looks for new libraries; call it once a second. */
  tick(second: number): void {
    this.#second = second;
    this.#scan();
  }

  /** Waits for the scan under way. */
  async settled(): Promise<void> {
    await this.#scanning;
  }

  /** Ends all probes. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#followed.clear();
    await this.#scanning;
    await this.#libraries.close();
  }

  #scan(): void {
    this.#scanning ??= this.#scanAll().finally(() => this.#scanning = undefined);
  }

  async #scanAll(): Promise<void> {
    for (const [processId, process] of this.#followed) {
      if (this.#closed) return;
      const memoryPages = readMemoryPages(process.pid);
      const due = this.#second - process.scannedSecond >= rescanSeconds;
      if (memoryPages === process.memoryPages && !due) continue;
      process.memoryPages = memoryPages;
      process.scannedSecond = this.#second;
      await this.#scanProcess(processId, process);
    }
  }

  async #scanProcess(processId: string, process: ProcessTls): Promise<void> {
    const { pid, files: before } = process;
    const files = listFiles(parseMaps(keepExecutable(await readMapsText(pid))));
    if (files.size === 0) return;
    const known = [...before].filter((key) => files.has(key));
    const libraries = [];
    for (const [key, mapping] of files) {
      // What was left meanwhile must not come to use a file again.
      if (this.#closed || this.#followed.get(processId) !== process) return;
      process.files = new Set([...process.files, key]);
      const library = await this.#libraries.use({ id: processId, pid, forks: process.forks }, mapping);
      if (!before.has(key) && library.probed) {
        this.#logger.info("TLS is read", { pid, library: library.path, slow: library.slow });
      }
      libraries.push(library);
    }
    process.files = new Set(files.keys());
    if (known.length < before.size) {
      await this.#libraries.release(processId, [...before].filter((key) => !files.has(key)));
    }
    const probed = libraries.filter((library) => library.probed);
    const refused = libraries.find(({ reason }) => reason !== undefined);
    if (probed.length === 0) process.reason = refused?.reason ?? explainUnread(pid, [...files.values()]);
    else if (probed.some(({ slow }) => slow)) {
      process.reason =
        "its OpenSSL begins with instructions that have to be single-stepped: about 11 µs a call";
    } else process.reason = "";
  }
}

/** Files that are executed, one mapping each. */
function listFiles(mappings: readonly Mapping[]): Map<string, Mapping> {
  const files = new Map<string, Mapping>();
  for (const mapping of mappings) {
    if (mapping.inode === 0 || !mapping.path.startsWith("/") || files.size >= maxFiles) continue;
    files.set(TlsLibraries.keyOf(mapping), mapping);
  }
  return files;
}

/** Size of a process's address space; -1 when it is gone. Source: first number of /proc/PID/statm. */
function readMemoryPages(pid: number): number {
  const length = readSmallFile(`/proc/${pid}/statm`, statmBuffer);
  return length === undefined ? -1 : parseInt(decoder.decode(statmBuffer.subarray(0, length)), 10);
}
