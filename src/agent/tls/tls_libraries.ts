import type { BpfProgram } from "../../../lib/bpf/program.ts";
import { attachUprobes, type UprobeLink } from "../../../lib/bpf/uprobe.ts";
import type { Mapping } from "../../../lib/procfs/maps.ts";
import { openExecutable, openInRoot, openMapFile } from "../../../lib/sys/open_in_root.ts";
import type { OpenedFile } from "../../../lib/sys/opened_file.ts";
import { findTlsPlaces, type TlsPlaces } from "./tls_places.ts";

/** The programs that read plaintext. */
export interface TlsPrograms {
  readonly enter: BpfProgram;
  readonly atReturn: BpfProgram;
}

/** What became of a file: probed, or why not; neither when it has no TLS functions. */
export interface TlsLibrary {
  readonly path: string;
  readonly reason: string | undefined;
  readonly links: readonly UprobeLink[];
  /** Each call of it costs 11 µs in place of 0.6. */
  readonly slow: boolean;
}

interface Held {
  readonly library: Promise<TlsLibrary>;
  readonly users: Set<string>;
}

/** Files whose name says that they are OpenSSL's: one that cannot be read is worth a word. */
const libraryName = /\/libssl[^/]*\.so[^/]*$/;

/**
 * The files that followed processes execute, each looked at once, good or bad, as long as one of them maps it. A probe is
 * on the file, in whatever process it runs; it holds the inode, so that its number stays its own.
 */
export class TlsLibraries {
  readonly #programs: TlsPrograms;
  readonly #held = new Map<string, Held>();

  constructor(programs: TlsPrograms) {
    this.#programs = programs;
  }

  /** Names a file whatever its path is. */
  static keyOf({ deviceMajor, deviceMinor, inode }: Mapping): string {
    return `${deviceMajor}:${deviceMinor}:${inode}`;
  }

  /** Looks at a file that a process maps, and probes it when it is OpenSSL. Never rejects. */
  async use(processId: string, pid: number, mapping: Mapping): Promise<TlsLibrary> {
    const key = TlsLibraries.keyOf(mapping);
    let held = this.#held.get(key);
    if (held === undefined) {
      held = { library: this.#open(pid, mapping), users: new Set() };
      this.#held.set(key, held);
    }
    held.users.add(processId);
    return await held.library;
  }

  /** A process does not map these files any more: those that none maps are forgotten, and probed no longer. */
  async release(processId: string, keys: Iterable<string>): Promise<void> {
    const left: Promise<TlsLibrary>[] = [];
    for (const key of keys) {
      const held = this.#held.get(key);
      if (held === undefined || !held.users.delete(processId) || held.users.size > 0) continue;
      this.#held.delete(key);
      left.push(held.library);
    }
    for (const library of left) await closeLinks(await library);
  }

  /** Ends all probes. */
  async close(): Promise<void> {
    const all = [...this.#held.values()];
    this.#held.clear();
    for (const { library } of all) await closeLinks(await library);
  }

  async #open(pid: number, mapping: Mapping): Promise<TlsLibrary> {
    const { path } = mapping;
    const file = openMapping(pid, mapping);
    if (file === undefined) {
      const reason = mapping.deleted
        ? `${path} was replaced since the process loaded it; restart the process`
        : `${path} cannot be opened`;
      return { path, reason: libraryName.test(path) ? reason : undefined, links: [], slow: false };
    }
    try {
      const places = await findTlsPlaces(file);
      if (typeof places !== "object") return { path, reason: places, links: [], slow: false };
      return { path, reason: undefined, links: await this.#attach(file, places), slow: places.slow };
    } catch (error) {
      return { path, reason: `${path}: ${(error as Error).message}`, links: [], slow: false };
    } finally {
      file.close();
    }
  }

  async #attach(
    file: OpenedFile,
    { enter, atReturn }: TlsPlaces,
  ): Promise<UprobeLink[]> {
    const path = `/proc/self/fd/${file.fd}`;
    const first = await attachUprobes(this.#programs.atReturn, { path, places: atReturn, atReturn: true });
    try {
      return [first, await attachUprobes(this.#programs.enter, { path, places: enter, atReturn: false })];
    } catch (error) {
      await first.close();
      throw error;
    }
  }
}

function openMapping(pid: number, mapping: Mapping): OpenedFile | undefined {
  if (!mapping.deleted) return openInRoot(pid, mapping.path, mapping);
  return openMapFile(pid, mapping.start, mapping.end, mapping) ?? openExecutable(pid, mapping);
}

async function closeLinks({ links }: TlsLibrary): Promise<void> {
  for (const link of links) await link.close();
}
