import { InnerArray } from "../../../lib/bpf/inner_array.ts";
import type { Libbpf } from "../../../lib/bpf/libbpf.ts";
import type { Mapping } from "../../../lib/procfs/maps.ts";
import { isMappedBuild, type ModuleOutline } from "../../../lib/symbol/mapped_build.ts";
import { moduleKey } from "../../../lib/symbol/module_cache.ts";
import { layouts } from "../../gen/records.ts";
import { blockWords, type PackedTable } from "./packed_table.ts";
import type { Answer } from "./protocol.ts";

const blockBytes = layouts.unwind_block_value.size;
/** Kernel memory of all tables; with everything else that a host's tasks take this stays below 32 MiB. */
const maxBytes = 22 * 1024 * 1024;
/** Of these, what no task uses: the tables of the last tasks' programs, which the next ones mostly run too. */
const maxIdleBytes = 8 * 1024 * 1024;
const maxModules = 2048;
/** Blocks written between two turns of the event loop: about 1 ms. */
const blocksAtOnce = 256;

/** A build's table in the kernel, shared by all processes and tasks. */
export interface StoredTable {
  readonly array: InnerArray;
  readonly bytes: number;
  readonly firstAddress: number;
  readonly pageCount: number;
  readonly rulesAt: number;
}

/** What is known of a mapped file. */
export interface StoredModule {
  readonly outline: ModuleOutline;
  /** Undefined when there is none; `reason` says why. */
  readonly table: StoredTable | undefined;
  readonly reason: string;
  /** There would be a table if there were room for it. */
  readonly overBudget: boolean;
}

interface Entry {
  readonly table: StoredTable;
  users: number;
}

/**
 * The unwind tables of an agent: compiled once a build, in kernel memory while a task uses them, and some of them until the next
 * task, so that it has whole stacks from its first sample.
 *
 * Limits: 22 MiB, 8 MiB of what is idle, least recently used out first; 2,048 files, oldest out first.
 */
export class TableStore {
  readonly #libbpf: Libbpf;
  readonly #modules = new Map<string, StoredModule>();
  /** By build ID, or by key of the file when it has none; least recently used first. */
  readonly #tables = new Map<string, Entry>();
  #bytes = 0;

  constructor(libbpf: Libbpf) {
    this.#libbpf = libbpf;
  }

  /** Build IDs of all tables. */
  get builds(): string[] {
    return [...this.#tables.keys()];
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What is known of a mapping's file, when it is the build that the process runs; undefined when it must be compiled. */
  find(pid: number, mapping: Mapping): StoredModule | undefined {
    const module = this.#modules.get(moduleKey(mapping));
    if (module === undefined || !isMappedBuild(pid, mapping, module.outline)) return undefined;
    const isGone = module.table !== undefined && this.#find(module.table) === undefined;
    return isGone ? undefined : module;
  }

  /** Takes what was compiled, writes it into the kernel and keeps it. A reason instead of a table is kept too. @throws {BpfError} */
  async add(mapping: Mapping, { outline, firstAddress, reason, table }: Answer): Promise<StoredModule> {
    const key = moduleKey(mapping);
    const buildKey = outline.buildId || key;
    let stored = this.#tables.get(buildKey)?.table;
    const bytes = (table?.words.length ?? 0) * 4;
    const overBudget = stored === undefined && table !== undefined && !this.#makeRoom(bytes);
    if (stored === undefined && table !== undefined && !overBudget) {
      this.#bytes += bytes;
      stored = { array: await this.#write(table), bytes, firstAddress, ...placesOf(table) };
      this.#tables.set(buildKey, { table: stored, users: 0 });
    }
    const module = {
      ...{ outline, table: stored, overBudget },
      reason: overBudget ? `its table of ${bytes} bytes has no room` : reason,
    };
    this.#modules.delete(key);
    // Its build was known when it was asked for, and has been freed since: it is asked for again.
    if (stored === undefined && module.reason === "") return { ...module, reason: "its table was freed" };
    this.#modules.set(key, module);
    if (this.#modules.size > maxModules) this.#modules.delete(this.#modules.keys().next().value!);
    return module;
  }

  /** A task uses the table until it releases it. @returns false when it was freed meanwhile. */
  retain(table: StoredTable): boolean {
    const key = this.#find(table);
    if (key === undefined) return false;
    const entry = this.#tables.get(key)!;
    entry.users++;
    this.#tables.delete(key);
    this.#tables.set(key, entry);
    return true;
  }

  release(table: StoredTable): void {
    const entry = this.#tables.get(this.#find(table) ?? "");
    if (entry !== undefined) entry.users--;
    this.#evict(maxIdleBytes - this.#idleBytes());
  }

  /** Frees every table. */
  close(): void {
    for (const { table } of this.#tables.values()) table.array.close();
    this.#tables.clear();
    this.#modules.clear();
    this.#bytes = 0;
  }

  #find(table: StoredTable): string | undefined {
    for (const [key, entry] of this.#tables) if (entry.table === table) return key;
    return undefined;
  }

  #idleBytes(): number {
    return [...this.#tables.values()].reduce(
      (sum, { users, table }) => users > 0 ? sum : sum + table.bytes,
      0,
    );
  }

  /** Frees what must go for a table; nothing when that would not do. */
  #makeRoom(bytes: number): boolean {
    if (this.#bytes - this.#idleBytes() + bytes > maxBytes) return false;
    this.#evict(maxBytes - this.#bytes - bytes);
    return true;
  }

  /** Frees idle tables until `room`, which is what is left, is no longer negative. */
  #evict(room: number): void {
    let left = room;
    for (const [key, { users, table }] of this.#tables) {
      if (left >= 0) return;
      if (users > 0) continue;
      table.array.close();
      this.#tables.delete(key);
      this.#bytes -= table.bytes;
      left += table.bytes;
    }
  }

  async #write({ words }: PackedTable): Promise<InnerArray> {
    const values = words.length / blockWords;
    const array = new InnerArray(this.#libbpf, "unwind_table", { valueBytes: blockBytes, values });
    const bytes = new Uint8Array(words.buffer);
    for (let block = 0; block < values; block++) {
      array.set(block, bytes.subarray(block * blockBytes, (block + 1) * blockBytes));
      if (block % blocksAtOnce === blocksAtOnce - 1) await new Promise((resolve) => setTimeout(resolve, 0));
    }
    return array;
  }
}

function placesOf({ pageCount, rulesAt }: PackedTable): { pageCount: number; rulesAt: number } {
  return { pageCount, rulesAt };
}
