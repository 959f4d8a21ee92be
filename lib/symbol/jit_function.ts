import { demangle } from "./demangle.ts";
import type { LanguageRuntime } from "./language_runtime.ts";

/** What an entry of a perf map says of a piece of code. */
export interface JitFunction {
  readonly function: string;
  /** "user" is code that was compiled into the runtime's own file, as V8's builtins are. */
  readonly kind: "jit" | "interpreted" | "user";
  /** Where the function begins; absent when the map does not say. */
  readonly source?: { readonly file: string; readonly line: number };
  /** A stub of the runtime's: how it calls functions, not one of them. */
  readonly runtime?: boolean;
}

/** V8 writes how a function came to be, how it is run now, and its name. */
const scriptEntry = /^(?:JS|LazyCompile|Function|Eval|Script):([~*^+]?)'?(.*)$/s;
const interpretedMark = "~";
const builtinEntry = /^(Builtin|BytecodeHandler|RegExp):(.*)$/s;
/** What begins a path, where a function's name holds blanks, too: "get size /srv/a b.js:1:2". */
const pathStart = / (?=\/|\[|[a-z][a-z+.-]*:|internal\/)/;
const placeEnd = /:(\d{1,9})(?::\d{1,9})?$/;
const agentMethod = /^L([^;]+);::([^(]+)/;
const hiddenClass = /\/0x[0-9a-f]+/;

/** How a function that V8 interprets is called where nothing tells its name. */
export const unnamedInterpreted = "(interpreted function)";
const unknownScript: JitFunction = { kind: "interpreted", function: unnamedInterpreted };
/** All interpreted functions are entered here; with `--interpreted-frames-native-stack` each has a copy of it with its name. */
const interpreterEntry = "Builtins_InterpreterEntryTrampoline";

/** What a symbol of V8's own file stands for, when that is more than itself. */
export function readV8Symbol(name: string): JitFunction | undefined {
  return name === interpreterEntry ? unknownScript : undefined;
}

/**
 * Reads the name in an entry of a perf map as an author of the program would write it. What no known runtime wrote is
 * demangled at most.
 *
 * Source: V8, `JS:*name file:line:column` (`LazyCompile:*name file:line` before Node 20); HotSpot, `int pack.Type.name(int)`;
 * perf-map-agent, `Lpack/Type;::name`.
 */
export function readJitFunction(entry: string, runtime: LanguageRuntime | undefined): JitFunction {
  if (runtime === "java") return readJava(entry);
  const script = scriptEntry.exec(entry);
  if (script !== null) return readScript(script[2]!, script[1] === interpretedMark);
  const builtin = builtinEntry.exec(entry);
  if (builtin !== null) return readBuiltin(builtin[1]!, builtin[2]!);
  return { kind: "jit", function: demangle(entry) };
}

function readScript(text: string, interpreted: boolean): JitFunction {
  const kind = interpreted ? "interpreted" : "jit";
  const gap = pathStart.exec(text)?.index ?? text.lastIndexOf(" ");
  const name = gap < 0 ? text : text.slice(0, gap);
  const place = gap < 0 ? "" : text.slice(gap + 1);
  const line = placeEnd.exec(place);
  const file = line === null ? place : place.slice(0, line.index);
  if (file === "") return { kind, function: name || "(anonymous)" };
  const source = { file, line: Number(line?.[1] ?? 0) };
  // So many functions have no name that their place has to stand for it where there are only names.
  const short = file.slice(file.lastIndexOf("/") + 1);
  return {
    kind,
    function: name || `(anonymous) ${short}${source.line > 0 ? `:${source.line}` : ""}`,
    source,
  };
}

/** Names builtins as the symbols of an unstripped V8 do. */
function readBuiltin(type: string, name: string): JitFunction {
  if (type === "RegExp") return { kind: "jit", function: `RegExp: ${name}` };
  const handler = type === "BytecodeHandler" ? `${name.replace(".", "")}Handler` : name;
  const symbol = `Builtins_${handler}`;
  return readV8Symbol(symbol) ?? { kind: "user", function: symbol };
}

/** In a JVM's map, what is neither a method nor the interpreter is a stub. */
function readJava(entry: string): JitFunction {
  const agent = agentMethod.exec(entry);
  if (agent !== null) {
    return { kind: "jit", function: `${agent[1]!.replaceAll("/", ".")}.${agent[2]}` };
  }
  if (entry === "Interpreter") return { kind: "interpreted", function: entry };
  const open = entry.endsWith(")") ? entry.indexOf("(") : -1;
  const method = open < 0 ? "" : entry.slice(entry.lastIndexOf(" ", open) + 1, open);
  if (!method.includes(".")) return { kind: "jit", function: entry, runtime: true };
  return { kind: "jit", function: method.replace(hiddenClass, "") };
}
