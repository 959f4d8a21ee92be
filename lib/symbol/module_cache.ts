import {
  type ClosableSource,
  type DebugFile,
  type DebugFileOpener,
  findDebugFile,
  openDebugFile,
} from "../elf/debug_file.ts";
import type { Elf } from "../elf/elf.ts";
import type { MemoryBudget } from "../elf/section_data.ts";
import type { Mapping } from "../procfs/maps.ts";
import { openExecutable, openInOwnRoot, openInRoot, openMapFile } from "../sys/open_in_root.ts";
import { Module } from "./module.ts";
import { ModuleSymbols } from "./module_symbols.ts";
import { openVdso, vdsoPath } from "./vdso.ts";

/** Files held open at once; what is mapped beyond that has no names. */
const maxModules = 512;
/** Memory for DWARF: decompressed sections, and the lines and functions of units that were looked into. */
const dwarfBytes = 64 * 1024 * 1024;

/** Options of a `ModuleCache`. */
export interface ModuleCacheOptions {
  /** Keys of files, or build IDs, that are not to be touched: the ones that something died of. */
  readonly skip?: ReadonlySet<string>;
  /** Opens the debug file of a build ID that was fetched from afar; undefined when there is none. */
  readonly openFetched?: ((buildId: string) => ClosableSource | undefined) | undefined;
}

/** The modules of all processes of a task: each file once, however many processes map it. */
export class ModuleCache {
  readonly #modules = new Map<string, Module | undefined>();
  readonly #builds = new Map<string, ModuleSymbols>();
  readonly #skip: ReadonlySet<string>;
  readonly #openFetched: (buildId: string) => ClosableSource | undefined;
  readonly #memory: MemoryBudget = { leftBytes: dwarfBytes };

  constructor(options: ModuleCacheOptions = {}) {
    this.#skip = options.skip ?? new Set();
    this.#openFetched = options.openFetched ?? (() => undefined);
  }

  /** Opens the file of a mapping, or finds it open; undefined, then and ever after, when that cannot be done. */
  open(pid: number, mapping: Mapping): Module | undefined {
    const key = moduleKey(mapping);
    if (this.#modules.has(key)) return this.#modules.get(key);
    if (this.#skip.has(key) || this.#modules.size >= maxModules) return undefined;
    const file = openMapped(pid, mapping);
    const openers = [(path: string) => openInRoot(pid, path), openInOwnRoot];
    const module = file &&
      new Module(
        mapping.path,
        key,
        file,
        (module, file, elf) => this.#loadSymbols(module, file, elf, openers),
      );
    this.#modules.set(key, module);
    return module;
  }

  /** Build IDs of modules that were looked into and of which a debug file would tell more. */
  listWanted(): string[] {
    const wanted = [...this.#modules.values()].filter((module) => module?.symbols?.wantsDebugFile);
    return [...new Set(wanted.map((module) => module!.buildId))];
  }

  /** Looks once more for the debug files of these build IDs. */
  retryDebugFiles(buildIds: readonly string[]): void {
    for (const buildId of buildIds) this.#builds.get(buildId)?.retryDebugFile();
  }

  close(): void {
    for (const module of this.#modules.values()) module?.close();
    this.#modules.clear();
    this.#builds.clear();
  }

  #loadSymbols(
    module: Module,
    file: ClosableSource,
    elf: Elf,
    openers: readonly DebugFileOpener[],
  ): ModuleSymbols {
    const same = this.#builds.get(elf.buildId);
    if (same !== undefined) return same;
    const symbols = new ModuleSymbols(file, elf, {
      memory: this.#memory,
      findDebugFile: () => findDebugFile(module.path, elf, openers) ?? this.#openFetchedFile(elf),
    });
    if (elf.buildId !== "") this.#builds.set(elf.buildId, symbols);
    return symbols;
  }

  #openFetchedFile(elf: Elf): DebugFile | undefined {
    return elf.buildId === "" ? undefined : openDebugFile(elf, () => this.#openFetched(elf.buildId));
  }
}

/** What tells one mapped file from another on this host, for as long as it is mapped. */
export function moduleKey({ deviceMajor, deviceMinor, inode, path }: Mapping): string {
  return inode === 0 ? path : `${deviceMajor}:${deviceMinor}:${inode}`;
}

/**
 * Opens the very file that is mapped, wherever it can still be reached: its inode is compared each time. The vdso is no file
 * and opened from memory; undefined for other memory that is not of a file.
 */
export function openMapped(pid: number, mapping: Mapping): ClosableSource | undefined {
  if (mapping.path === vdsoPath) return openVdso(mapping.end - mapping.start);
  if (mapping.inode === 0 || !mapping.path.startsWith("/")) return undefined;
  return (mapping.deleted ? undefined : openInRoot(pid, mapping.path, mapping)) ??
    openExecutable(pid, mapping) ??
    openMapFile(pid, mapping.start, mapping.end, mapping) ??
    // A process that is gone has no root any more; outside of containers its files are ours.
    openInOwnRoot(mapping.path, mapping);
}
