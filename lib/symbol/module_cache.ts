import type { Mapping } from "../procfs/maps.ts";
import { openExecutable, openInOwnRoot, openInRoot, openMapFile } from "../sys/open_in_root.ts";
import type { OpenedFile } from "../sys/opened_file.ts";
import type { SymbolTable } from "../elf/symbol_table.ts";
import { Module } from "./module.ts";

/** Files held open at once; what is mapped beyond that has no names. */
const maxModules = 512;

/** The modules of all processes of a task: each file once, however many processes map it. */
export class ModuleCache {
  readonly #modules = new Map<string, Module | undefined>();
  readonly #skip: ReadonlySet<string>;

  /** `skip` holds keys of files that are not to be touched: the ones that something died of. */
  constructor(skip: ReadonlySet<string> = new Set()) {
    this.#skip = skip;
  }

  /** Opens the file of a mapping, or finds it open; undefined, then and ever after, when that cannot be done. */
  open(pid: number, mapping: Mapping): Module | undefined {
    const key = moduleKey(mapping);
    if (this.#modules.has(key)) return this.#modules.get(key);
    if (this.#skip.has(key) || this.#modules.size >= maxModules) return undefined;
    const file = openMapped(pid, mapping);
    const module = file && new Module(mapping.path, file, {
      openDebugFile: (path) => openInRoot(pid, path) ?? openInOwnRoot(path),
      findSymbols: (buildId) => this.#findSymbols(buildId),
    });
    this.#modules.set(key, module);
    return module;
  }

  close(): void {
    for (const module of this.#modules.values()) module?.close();
    this.#modules.clear();
  }

  #findSymbols(buildId: string): SymbolTable | undefined {
    for (const module of this.#modules.values()) {
      if (module?.buildId === buildId) return module.symbols;
    }
    return undefined;
  }
}

/** What tells one mapped file from another on this host, for as long as it is mapped. */
export function moduleKey({ deviceMajor, deviceMinor, inode }: Mapping): string {
  return `${deviceMajor}:${deviceMinor}:${inode}`;
}

/** The very file that is mapped, wherever it can still be reached: its inode is compared each time. */
function openMapped(pid: number, mapping: Mapping): OpenedFile | undefined {
  if (mapping.inode === 0 || !mapping.path.startsWith("/")) return undefined;
  return (mapping.deleted ? undefined : openInRoot(pid, mapping.path, mapping)) ??
    openExecutable(pid, mapping) ??
    openMapFile(pid, mapping.start, mapping.end, mapping) ??
    // A process that is gone has no root any more; outside of containers its files are ours.
    openInOwnRoot(mapping.path, mapping);
}
