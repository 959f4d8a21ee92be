import type { Mapping } from "../procfs/maps.ts";
import { type Kallsyms, readKallsyms } from "./kallsyms.ts";
import { readV8Symbol } from "./jit_function.ts";
import { generatedModule, isGeneratedCode } from "./language_runtime.ts";
import { isMappedBuild } from "./mapped_build.ts";
import type { Module } from "./module.ts";
import { ModuleCache, type ModuleCacheOptions } from "./module_cache.ts";
import type { NameNote } from "./name_notes.ts";
import { ProcessMappings } from "./process_mappings.ts";
import { markRuntimeFrames } from "./runtime_frames.ts";
import type { SourceFrame } from "./source_frame.ts";
import type { SymbolizedFrame } from "./symbolized_frame.ts";
import { vdsoPath } from "./vdso.ts";
import { demangle } from "./demangle.ts";

/** User addresses; above are the kernel's. */
const userAddressEnd = 0x1_0000_0000_0000n;
/** Maps are read again because of an unknown address at most this often a process. */
const missIntervalMs = 100;
/** Before the key of a module whose lines are read, not only its names. */
const linesKey = "lines ";

/** A process to name addresses of. */
export interface SymbolizedProcess {
  readonly pid: number;
  /** When it began, as in /proc/PID/stat; 0 when it was gone before that could be read. */
  readonly startTicks: number;
  /** Text of /proc/PID/maps. */
  readonly maps: string;
}

/** Options of a `Symbolizer`. */
export interface SymbolizerOptions extends ModuleCacheOptions {
  /**
   * Called before a module is read, with its key, then its build ID, then "lines " and either; with "" after: so that another
   * can tell what this one died of, and have it skipped.
   */
  readonly onModule?: (key: string) => void;
}

/** Turns sampled addresses of some processes and the kernel into names. */
export class Symbolizer {
  readonly #modules: ModuleCache;
  readonly #processes = new Map<number, ProcessMappings>();
  readonly #missedAtMs = new Map<number, number>();
  readonly #onModule: (key: string) => void;
  readonly #skip: ReadonlySet<string>;
  /** Modules of the frames that were handed out, for `addLines`. */
  readonly #places = new WeakMap<SymbolizedFrame, { module: Module; address: number }>();
  #announced = "";
  /** Null when it could not be read. */
  #kallsyms: Kallsyms | null | undefined;

  constructor(options: SymbolizerOptions = {}) {
    this.#modules = new ModuleCache(options);
    this.#skip = options.skip ?? new Set();
    this.#onModule = options.onModule ?? (() => {});
  }

  /** Takes a process in: its mappings now and, from `refresh` on, those it gets. */
  async capture(process: SymbolizedProcess): Promise<void> {
    const mappings = new ProcessMappings(process.pid, process.startTicks, this.#modules);
    this.#processes.set(process.pid, mappings);
    mappings.add(process.maps);
    await mappings.refresh();
  }

  async refresh(): Promise<void> {
    for (const mappings of this.#processes.values()) await mappings.refresh();
  }

  /**
   * Names a stack, leaf first. All but its first address are return addresses, which point behind the call and may
   * lie behind the function: they are looked up one byte before. The address handed back is the one sampled.
   */
  async symbolize(
    pid: number,
    kind: "user" | "kernel",
    addresses: BigUint64Array,
  ): Promise<SymbolizedFrame[]> {
    const process = this.#processes.get(pid);
    if (kind === "user" && process !== undefined) {
      process.refreshNames();
      await this.#refreshOnMiss(process, addresses);
    }
    const frames = Array.from(addresses, (address, position) => {
      const before = position === 0 || address === 0n ? 0n : 1n;
      if (kind === "kernel") return this.#nameKernel(address, before);
      if (process === undefined || address >= userAddressEnd) return unnamed("user", "", address);
      return this.#nameUser(process, address, Number(before));
    });
    if (kind === "kernel" || process?.runtime === undefined) return frames;
    process.gaps.add(frames, process.runtime);
    return this.#markRuntime(frames, process);
  }

  /** Why names or frames of the processes are missing, as far as their runtimes tell. */
  listNotes(): NameNote[] {
    return [...this.#processes.values()].flatMap(({ gaps, jit, runtime }) => gaps.list(jit, runtime));
  }

  /**
   * Adds source lines and inlined functions to frames that `symbolize` gave, as long as there is time: to the last of them
   * when it is short. What costs is the first look into a module and into each of its units.
   */
  addLines(frames: readonly SymbolizedFrame[], untilMs: number): SymbolizedFrame[] {
    const expanded = frames.flatMap((frame) => {
      const place = this.#places.get(frame);
      if (place === undefined || performance.now() >= untilMs) return [frame];
      const { module, address } = place;
      const key = linesKey + (module.buildId || module.key);
      if (this.#skip.has(key)) return [frame];
      this.#announce(key);
      return expandFrame(frame, module.symbols?.findFrames(address));
    });
    this.#announce("");
    return expanded;
  }

  /** Build IDs of modules of which a debug file would tell more. */
  listWanted(): string[] {
    return this.#modules.listWanted();
  }

  /** Looks for debug files that have been fetched. */
  retryDebugFiles(buildIds: readonly string[]): void {
    this.#modules.retryDebugFiles(buildIds);
  }

  close(): void {
    for (const process of this.#processes.values()) process.jit.close();
    this.#processes.clear();
    this.#modules.close();
  }

  #nameKernel(address: bigint, before: bigint): SymbolizedFrame {
    this.#kallsyms ??= readKallsyms() ?? null;
    const symbol = this.#kallsyms?.find(Number((address - before) & (userAddressEnd - 1n)));
    if (symbol === undefined) return unnamed("kernel", "[kernel]", address);
    return { kind: "kernel", function: symbol.name, module: symbol.module || "[kernel]", address };
  }

  #nameUser(process: ProcessMappings, address: bigint, before: number): SymbolizedFrame {
    const lookup = Number(address) - before;
    const mapping = process.find(lookup);
    const offset = mapping === undefined ? 0 : lookup - mapping.start + mapping.offset;
    const module = mapping && this.#load(process, mapping);
    const inModule = module?.toAddress(offset);
    if (module !== undefined && inModule !== undefined) {
      const name = module.symbols?.nameAt(inModule) ?? "";
      // V8 names in its map what was stripped of its file, too.
      const found = name === "" ? process.jit.find(lookup, process.runtime) : readV8Symbol(name);
      const frame: SymbolizedFrame = {
        ...(found ?? { kind: "user", function: name }),
        module: module.path,
        address: BigInt(inModule + before),
      };
      this.#places.set(frame, { module, address: inModule });
      return frame;
    }
    const generated = mapping === undefined || isGeneratedCode(mapping);
    const path = generated ? generatedModule(process.runtime) : mapping.path;
    const found = process.jit.find(lookup, process.runtime);
    if (found !== undefined) return { ...found, module: path, address };
    if (mapping === undefined) return unnamed("user", "", address);
    if (generated) return unnamed("jit", path, address);
    const named = mapping.inode !== 0 || path === vdsoPath;
    return unnamed("user", path, named ? BigInt(offset + before) : address);
  }

  #markRuntime(frames: readonly SymbolizedFrame[], { runtime }: ProcessMappings): SymbolizedFrame[] {
    const marked = markRuntimeFrames(frames, runtime);
    for (const [index, frame] of marked.entries()) {
      const place = this.#places.get(frames[index]!);
      if (place !== undefined) this.#places.set(frame, place);
    }
    return marked;
  }

  #load(process: ProcessMappings, mapping: Mapping): Module | undefined {
    const module = this.#modules.open(process.pid, mapping);
    if (module !== undefined && !module.isOpen) {
      this.#announce(module.key);
      module.open((elf) => !process.isCurrent(mapping) || isMappedBuild(process.pid, mapping, elf));
      if (!this.#skip.has(module.buildId)) {
        this.#announce(module.buildId || module.key);
        module.load();
      }
      this.#announce("");
    }
    return module;
  }

  #announce(key: string): void {
    if (key === this.#announced) return;
    this.#announced = key;
    this.#onModule(key);
  }

  async #refreshOnMiss(process: ProcessMappings, addresses: BigUint64Array): Promise<void> {
    const missed = addresses.some((address, position) =>
      address > 1n && address < userAddressEnd &&
      process.find(Number(address) - (position === 0 ? 0 : 1)) === undefined
    );
    if (
      !missed || performance.now() - (this.#missedAtMs.get(process.pid) ?? -missIntervalMs) < missIntervalMs
    ) return;
    await process.refresh();
    this.#missedAtMs.set(process.pid, performance.now());
  }
}

/** The frames in the place of one: what was inlined there, innermost first, then the function itself under its name. */
function expandFrame(frame: SymbolizedFrame, found: readonly SourceFrame[] | undefined): SymbolizedFrame[] {
  if (found === undefined) return [frame];
  return found.map(({ function: name, file, line }, level) => {
    const inlined = level < found.length - 1;
    return {
      ...frame,
      function: inlined ? demangle(name) || "[inlined]" : frame.function || demangle(name),
      ...(file !== "" && { source: { file, line } }),
      ...(inlined && { inlined }),
    };
  });
}

function unnamed(kind: "user" | "kernel" | "jit", module: string, address: bigint): SymbolizedFrame {
  return { kind, function: "", module, address };
}
