import { keepExecutable, type Mapping, parseMaps, readMapsText } from "../procfs/maps.ts";
import { readStat } from "../procfs/process.ts";
import { JitNames } from "./jit_names.ts";
import { findLanguageRuntime, type LanguageRuntime } from "./language_runtime.ts";
import type { ModuleCache } from "./module_cache.ts";
import { NameGaps } from "./name_notes.ts";

/** States of the address space kept when libraries come and go or the process executes another program. */
const maxGenerations = 8;

/** The executable mappings of one process: those it has, and those it had. */
export class ProcessMappings {
  readonly pid: number;
  readonly jit: JitNames;
  readonly gaps: NameGaps;
  readonly #startTicks: number;
  readonly #modules: ModuleCache;
  #generations: Mapping[][] = [];
  #newestText = "";
  #runtime: LanguageRuntime | undefined;

  /** `startTicks` as /proc/PID/stat has it; 0 when the process was gone already. */
  constructor(pid: number, startTicks: number, modules: ModuleCache) {
    this.pid = pid;
    this.jit = new JitNames(pid);
    this.gaps = new NameGaps(pid);
    this.#startTicks = startTicks;
    this.#modules = modules;
  }

  /** The runtime it runs, as the files tell that it has mapped last. */
  get runtime(): LanguageRuntime | undefined {
    return this.#runtime;
  }

  /** Takes in the text of its maps and opens the files, so that their names outlive them. */
  add(mapsText: string): void {
    const text = keepExecutable(mapsText);
    if (text === "" || text === this.#newestText) return;
    this.#newestText = text;
    const mappings = parseMaps(text);
    this.#generations = [mappings, ...this.#generations].slice(0, maxGenerations);
    this.#runtime = findLanguageRuntime(mappings);
    for (const mapping of mappings) this.#modules.open(this.pid, mapping);
  }

  /** Reads the maps and the names of its JIT code again; leaves a process alone that only has the same pid. */
  async refresh(): Promise<void> {
    const text = await readMapsText(this.pid);
    if (readStat(this.pid)?.startTicks !== this.#startTicks) return;
    this.add(text);
    this.jit.refresh();
  }

  /** Reads the names of JIT code that are new, unless that was just done. */
  refreshNames(): void {
    if (this.jit.isFresh || readStat(this.pid)?.startTicks !== this.#startTicks) return;
    this.jit.refresh();
  }

  /** True when the process had this mapping at the last look. */
  isCurrent(mapping: Mapping): boolean {
    return this.#generations[0]?.includes(mapping) ?? false;
  }

  /** The mapping of an address, the newest first. */
  find(address: number): Mapping | undefined {
    for (const mappings of this.#generations) {
      let low = 0;
      let high = mappings.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (mappings[middle]!.start <= address) low = middle + 1;
        else high = middle;
      }
      const mapping = mappings[low - 1];
      if (mapping !== undefined && address < mapping.end) return mapping;
    }
    return undefined;
  }
}
