import type { BpfObject } from "../../../lib/bpf/object.ts";
import type { Logger } from "../../../lib/log.ts";
import { keepExecutable, type Mapping, parseMaps, readMapsText } from "../../../lib/procfs/maps.ts";
import { readStat } from "../../../lib/procfs/process.ts";
import { findBias } from "../../../lib/symbol/mapped_build.ts";
import { moduleKey } from "../../../lib/symbol/module_cache.ts";
import { vdsoPath } from "../../../lib/symbol/vdso.ts";
import { MappingSet, maxMappings, tableState, type UnwindMapping } from "./mapping_set.ts";
import type { TableBuilder } from "./table_builder.ts";
import type { StoredModule } from "./table_store.ts";
import type { TableSlots } from "./table_slots.ts";
import type { UnwindTables } from "./unwind_tables.ts";

/** Without a sign of change the maps are read again after so many seconds: a library may have taken another's place. */
const idleRefreshes = 5;
/** Unknown addresses that no new mapping explains are looked into this seldom at last. */
const maxPatience = 16;

/** The executable mappings of one target, with what is known of their files, and their picture in the BPF maps. */
export class TargetMappings {
  readonly #pid: number;
  readonly #startTicks: number;
  readonly #set: MappingSet;
  readonly #slots: TableSlots;
  readonly #builder: TableBuilder;
  readonly #logger: Logger;
  /** By file, as long as one is mapped. */
  #modules = new Map<string, StoredModule>();
  #mappings: Mapping[] = [];
  #text = "";
  #execId = 0n;
  #misses = 0n;
  #skipped = 0;
  #patience = 1;
  #closed = false;
  #refreshing: Promise<void> | undefined;
  #building: Promise<void> = Promise.resolve();

  constructor(
    object: BpfObject,
    { pid, target }: { pid: number; target: number },
    slots: TableSlots,
    { builder, logger }: UnwindTables,
  ) {
    this.#pid = pid;
    this.#startTicks = readStat(pid)?.startTicks ?? 0;
    this.#set = new MappingSet(object, target);
    this.#slots = slots;
    this.#builder = builder;
    this.#logger = logger;
  }

  /** Reads the maps again when a sample met an unknown address, the process executed another program, or some seconds have passed. */
  async refreshIfNeeded(): Promise<void> {
    this.#skipped++;
    const isOther = this.#set.seenExecId !== this.#execId;
    const patience = this.#set.misses !== this.#misses ? this.#patience : idleRefreshes;
    if (isOther || this.#skipped >= patience) await this.refresh();
  }

  /**
   * Reads the maps and shows them to the programs; what has no table yet is compiled meanwhile. Never rejects: without its tables
   * a profile has stacks by frame pointers.
   */
  async refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().catch((error) => this.#report(error))
      .finally(() => this.#refreshing = undefined);
    await this.#refreshing;
  }

  async settle(): Promise<void> {
    await this.#refreshing;
    await this.#building;
  }

  close(): void {
    this.#closed = true;
  }

  async #refresh(): Promise<void> {
    // Both as they were before the maps are read: a change meanwhile is seen at the next look.
    const execId = this.#set.seenExecId;
    this.#misses = this.#set.misses;
    this.#skipped = 0;
    const text = keepExecutable(await readMapsText(this.#pid));
    const isSame = text === this.#text && execId === this.#execId;
    this.#patience = isSame ? Math.min(maxPatience, 2 * this.#patience) : 1;
    if (this.#closed || text === "" || isSame || readStat(this.#pid)?.startTicks !== this.#startTicks) return;
    this.#text = text;
    this.#execId = execId;
    this.#mappings = chooseMappings(parseMaps(text));
    this.#modules = this.#findModules();
    this.#publish();
    this.#building = this.#building.then(() => this.#build()).catch((error) => this.#report(error));
  }

  #report(error: Error): void {
    this.#logger.warn("Unwind tables of a process are missing", { pid: this.#pid, error });
  }

  #findModules(): Map<string, StoredModule> {
    const modules = new Map<string, StoredModule>();
    for (const mapping of this.#mappings.filter(isModule)) {
      const key = moduleKey(mapping);
      const module = this.#builder.find(this.#pid, mapping) ?? this.#modules.get(key);
      if (module !== undefined) modules.set(key, module);
    }
    return modules;
  }

  /** Compiles what is missing, one after the other, and shows each table as soon as it is there. */
  async #build(): Promise<void> {
    for (const mapping of this.#mappings.filter(isModule)) {
      if (this.#closed) return;
      const key = moduleKey(mapping);
      if (this.#modules.has(key)) continue;
      const module = await this.#builder.build(this.#pid, mapping);
      if (this.#closed) return;
      this.#modules.set(key, module);
      this.#publish();
    }
  }

  #publish(): void {
    this.#set.publish(this.#mappings.map((mapping) => this.#toUnwindMapping(mapping)), this.#execId);
  }

  #toUnwindMapping(mapping: Mapping): UnwindMapping {
    const { start, end } = mapping;
    const nothing = { start, end, base: 0, pageCount: 0, rulesAt: 0 };
    if (!isModule(mapping)) return { ...nothing, table: tableState.none };
    const module = this.#modules.get(moduleKey(mapping));
    if (module === undefined) return { ...nothing, table: tableState.pending };
    if (module.overBudget) return { ...nothing, table: tableState.overBudget };
    const bias = findBias(mapping, module.outline);
    if (module.table === undefined || bias === undefined) return { ...nothing, table: tableState.none };
    const { firstAddress, pageCount, rulesAt } = module.table;
    const slot = this.#slots.take(module.table);
    if (slot === undefined) return { ...nothing, table: tableState.overBudget };
    return { start, end, base: bias + firstAddress, table: slot, pageCount, rulesAt };
  }
}

/** Those of files first, when there are more than the programs can look at. */
function chooseMappings(mappings: Mapping[]): Mapping[] {
  if (mappings.length <= maxMappings) return mappings;
  const modules = mappings.filter(isModule).slice(0, maxMappings);
  const others = mappings.filter((mapping) => !isModule(mapping)).slice(0, maxMappings - modules.length);
  return [...modules, ...others].sort((one, two) => one.start - two.start);
}

/** The mapping of something that may have a table; JIT code has none. */
function isModule({ inode, path }: Mapping): boolean {
  return inode !== 0 || path === vdsoPath;
}
