import type { BpfProgram } from "../../../lib/bpf/program.ts";
import { attachUprobes, missingUprobeFilter, type UprobeLink } from "../../../lib/bpf/uprobe.ts";
import type { Mapping } from "../../../lib/procfs/maps.ts";
import { openExecutable, openInRoot, openMapFile } from "../../../lib/sys/open_in_root.ts";
import type { OpenedFile } from "../../../lib/sys/opened_file.ts";
import { findTlsPlaces, type TlsPlaces } from "./tls_places.ts";

/** The programs that read plaintext. */
export interface TlsPrograms {
  readonly enter: BpfProgram;
  readonly atReturn: BpfProgram;
}

/** What became of a file in a process: probed, or why not; neither when it has no TLS functions. */
export interface TlsLibrary {
  readonly path: string;
  readonly reason: string | undefined;
  readonly probed: boolean;
  /** Each call of it costs 11 µs in place of 0.6. */
  readonly slow: boolean;
}

/** A process that maps a file. */
interface User {
  readonly id: string;
  readonly pid: number;
  /** Whether children that it forks are to be read as well. */
  readonly forks: boolean;
}

interface Held {
  readonly places: Promise<TlsPlaces | string | undefined>;
  /** Who maps it, with the links of those that have probes of their own. */
  readonly users: Map<string, readonly UprobeLink[]>;
  /** Probes in whatever process, once there are some until nobody maps it. */
  shared: readonly UprobeLink[] | undefined;
}

/** Files whose name says that they are OpenSSL's: one that cannot be read is worth a word. */
const libraryName = /\/libssl[^/]*\.so[^/]*$/;
/** Probes of one process cost each other process that has some 0.2 µs a request, and those that have none nothing. */
const mostAlone = 8;

/**
 * The files that followed processes execute, each looked at once, good or bad, as long as one of them maps it. Where the
 * kernel can and few processes of a file are followed, each has probes of its own, and others no breakpoint; else a probe is
 * on the file, in whatever process it runs. It holds the inode, so that its number stays its own.
 */
export class TlsLibraries {
  readonly #programs: TlsPrograms;
  readonly #canFilter: boolean;
  readonly #held = new Map<string, Held>();

  constructor(programs: TlsPrograms) {
    this.#programs = programs;
    this.#canFilter = missingUprobeFilter(programs.enter.libbpf) === undefined;
  }

  /** Names a file whatever its path is. */
  static keyOf({ deviceMajor, deviceMinor, inode }: Mapping): string {
    return `${deviceMajor}:${deviceMinor}:${inode}`;
  }

  /** Looks at a file that a process maps, and probes it when it is OpenSSL. Never rejects; one call at a time. */
  async use(user: User, mapping: Mapping): Promise<TlsLibrary> {
    const key = TlsLibraries.keyOf(mapping);
    const { path } = mapping;
    let held = this.#held.get(key);
    if (held === undefined) {
      held = { places: findPlaces(user.pid, mapping), users: new Map(), shared: undefined };
      this.#held.set(key, held);
    }
    if (!held.users.has(user.id)) held.users.set(user.id, []);
    const places = await held.places;
    if (typeof places !== "object") return { path, reason: places, probed: false, slow: false };
    try {
      const reason = await this.#attach(held, places, user, mapping);
      return { path, reason, probed: reason === undefined, slow: places.slow };
    } catch (error) {
      return { path, reason: `${path}: ${(error as Error).message}`, probed: false, slow: false };
    }
  }

  /** A process does not map these files any more: those that none maps are forgotten, and probed no longer. */
  async release(processId: string, keys: Iterable<string>): Promise<void> {
    const left: UprobeLink[] = [];
    for (const key of keys) {
      const held = this.#held.get(key);
      left.push(...held?.users.get(processId) ?? []);
      if (held === undefined || !held.users.delete(processId) || held.users.size > 0) continue;
      this.#held.delete(key);
      left.push(...held.shared ?? []);
    }
    await closeLinks(left);
  }

  /** Ends all probes. */
  async close(): Promise<void> {
    const all = [...this.#held.values()];
    this.#held.clear();
    for (const { users, shared } of all) {
      await closeLinks([...users.values()].flat());
      await closeLinks(shared ?? []);
      users.clear();
    }
  }

  /** Returns why it did not, undefined when it did. @throws {BpfError} */
  async #attach(held: Held, places: TlsPlaces, user: User, mapping: Mapping): Promise<string | undefined> {
    if (held.shared !== undefined) return undefined;
    const alone = this.#canFilter && !user.forks && held.users.size <= mostAlone;
    if (alone && held.users.get(user.id)!.length > 0) return undefined;
    const file = openMapping(user.pid, mapping);
    if (file === undefined) return `${mapping.path} cannot be opened`;
    let links: readonly UprobeLink[];
    try {
      links = await this.#attachBoth(file, places, alone ? user.pid : undefined);
    } finally {
      file.close();
    }
    // It may have been left meanwhile.
    if (!held.users.has(user.id)) await closeLinks(links);
    else if (alone) held.users.set(user.id, links);
    else await share(held, links);
    return undefined;
  }

  async #attachBoth(
    file: OpenedFile,
    { enter, atReturn }: TlsPlaces,
    pid: number | undefined,
  ): Promise<UprobeLink[]> {
    const path = `/proc/self/fd/${file.fd}`;
    const one = pid === undefined ? {} : { pid };
    const first = await attachUprobes(this.#programs.atReturn, {
      ...{ path, places: atReturn, atReturn: true, ...one },
    });
    try {
      return [
        first,
        await attachUprobes(this.#programs.enter, { path, places: enter, atReturn: false, ...one }),
      ];
    } catch (error) {
      await first.close();
      throw error;
    }
  }
}

/** Where a file that a process maps has to be probed; a text says why it is not. Never rejects. */
async function findPlaces(pid: number, mapping: Mapping): Promise<TlsPlaces | string | undefined> {
  const { path } = mapping;
  const file = openMapping(pid, mapping);
  if (file === undefined) {
    const reason = mapping.deleted
      ? `${path} was replaced since the process loaded it; restart the process`
      : `${path} cannot be opened`;
    return libraryName.test(path) ? reason : undefined;
  }
  try {
    return await findTlsPlaces(file);
  } catch (error) {
    return `${path}: ${(error as Error).message}`;
  } finally {
    file.close();
  }
}

/** Has links of whatever process take the place of all others. A call that hits both is taken once. */
async function share(held: Held, links: readonly UprobeLink[]): Promise<void> {
  held.shared = links;
  for (const [id, own] of held.users) {
    held.users.set(id, []);
    await closeLinks(own);
  }
}

function openMapping(pid: number, mapping: Mapping): OpenedFile | undefined {
  if (!mapping.deleted) return openInRoot(pid, mapping.path, mapping);
  return openMapFile(pid, mapping.start, mapping.end, mapping) ?? openExecutable(pid, mapping);
}

async function closeLinks(links: readonly UprobeLink[]): Promise<void> {
  for (const link of links) await link.close();
}
