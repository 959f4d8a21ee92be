import { readCommandLine, readEnvironmentVariables } from "../procfs/process.ts";
import { unnamedInterpreted } from "./jit_function.ts";
import type { JitNames } from "./jit_names.ts";
import { generatedModule, type LanguageRuntime } from "./language_runtime.ts";
import type { SymbolizedFrame } from "./symbolized_frame.ts";

/** Why names or frames of a process are missing, as far as its runtime tells. */
export const nameNoteKinds = [
  /** Node writes no perf map. */
  "node_map_missing",
  /** Node's perf map has no interpreted functions. */
  "node_interpreted_missing",
  /** Nobody has had the JVM write a perf map. */
  "java_map_missing",
  /** The JVM's perf map is older than code that ran. */
  "java_map_old",
  /** Stacks end early, and the JVM was not started with -XX:+PreserveFramePointer. */
  "java_stacks_cut",
  /** The perf map is another user's. */
  "map_refused",
  /** The perf map is larger than what is read of one. */
  "map_cut",
] as const;

export type NameNoteKind = typeof nameNoteKinds[number];

/** What is missing of one process's names or frames. */
export interface NameNote {
  readonly pid: number;
  readonly kind: NameNoteKind;
  /** When the perf map was last written, ms since 1970; 0 when there is none. */
  readonly mapWrittenUnixMs: number;
}

/** A share of missing names or frames below this is the ordinary noise of code that comes and goes. */
const notedShare = 0.05;
const notedCount = 3;
const framePointerFlag = "-XX:+PreserveFramePointer";
const javaVariables = ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"];

/** Counts what is missing of the distinct stacks of one process. */
export class NameGaps {
  readonly #pid: number;
  #functions = 0;
  #unnamed = 0;
  #unnamedInterpreted = 0;
  #stacks = 0;
  #cutStacks = 0;
  #keepsFramePointers: boolean | undefined;

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** Takes in a user stack, leaf first. */
  add(frames: readonly SymbolizedFrame[], runtime: LanguageRuntime | undefined): void {
    const generated = generatedModule(runtime);
    const own = frames.filter(({ kind, module }) => kind === "interpreted" || module === generated);
    if (own.length === 0) return;
    this.#stacks++;
    this.#functions += own.length;
    this.#unnamed += own.filter((frame) => frame.function === "").length;
    this.#unnamedInterpreted += own.filter((frame) => frame.function === unnamedInterpreted).length;
    // A whole stack begins in a file: where the thread was started.
    if (frames.at(-1)!.module === "" || own.includes(frames.at(-1)!)) this.#cutStacks++;
  }

  /** What there is to say by now. */
  list(jit: JitNames, runtime: LanguageRuntime | undefined): NameNote[] {
    const kinds: NameNoteKind[] = [];
    const share = this.#functions === 0 ? 0 : this.#unnamed / this.#functions;
    const mapped = jit.writtenUnixMs > 0;
    if (jit.isRefused && share > 0) kinds.push("map_refused");
    else if (jit.isCut && share > 0) kinds.push("map_cut");
    else if (runtime === "node") {
      if (!mapped && this.#unnamed + this.#unnamedInterpreted > 0) kinds.push("node_map_missing");
      if (mapped && this.#unnamedInterpreted > 0) kinds.push("node_interpreted_missing");
    } else if (runtime === "java") {
      if (!mapped && this.#unnamed > 0) kinds.push("java_map_missing");
      if (mapped && share > notedShare && this.#unnamed >= notedCount) kinds.push("java_map_old");
    }
    const cut = this.#cutStacks >= notedCount && this.#cutStacks > notedShare * this.#stacks;
    if (runtime === "java" && cut) {
      this.#keepsFramePointers ??= keepsFramePointers(this.#pid);
      if (!this.#keepsFramePointers) kinds.push("java_stacks_cut");
    }
    return kinds.map((kind) => ({ pid: this.#pid, kind, mapWrittenUnixMs: jit.writtenUnixMs }));
  }
}

/** True when it was started so, as far as words and environment tell; also when neither may be read. */
function keepsFramePointers(pid: number): boolean {
  const words = readCommandLine(pid);
  const variables = readEnvironmentVariables(pid, javaVariables);
  const given = [...words, ...[...variables.values()].flatMap((value) => value.split(/\s+/))];
  return words.length === 0 || given.includes(framePointerFlag);
}
