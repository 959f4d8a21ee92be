import { readStatus } from "../procfs/process.ts";
import { openInRoot } from "../sys/open_in_root.ts";
import type { OpenedFile } from "../sys/opened_file.ts";
import { demangle } from "./demangle.ts";
import { PerfMap } from "./perf_map.ts";

/**
 * Names of one process's just-in-time code, from the perf map that its runtime may write.
 *
 * Source: /tmp/perf-PID.map in the process's own root, PID as its own pid namespace counts. Used only when it is a
 * regular file owned by the process's user: anyone may write to /tmp.
 */
export class JitNames {
  readonly #pid: number;
  #file: OpenedFile | undefined;
  #map: PerfMap | undefined;

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** Opens the map when it has appeared, reads what was appended, begins anew when another file is in its place. */
  refresh(): void {
    const file = this.#open();
    if (file !== undefined && file.inode === this.#file?.inode && file.sizeBytes >= this.#file.sizeBytes) {
      file.close();
    } else if (file !== undefined) {
      this.#file?.close();
      this.#file = file;
      this.#map = new PerfMap(file);
    }
    if (this.#file !== undefined) this.#map?.readNew(this.#file.measureBytes());
  }

  nameAt(address: number): string {
    return demangle(this.#map?.find(address) ?? "");
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
    this.#map = undefined;
  }

  #open(): OpenedFile | undefined {
    const status = readStatus(this.#pid);
    if (status === undefined) return undefined;
    const file = openInRoot(this.#pid, `/tmp/perf-${status.namespacePid}.map`);
    if (file === undefined || file.ownerUid === status.uid) return file;
    file.close();
    return undefined;
  }
}
