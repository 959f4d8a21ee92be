import { generatedModule, runtimeOfFile } from "./language_runtime.ts";
import type { SymbolizedFrame } from "./symbolized_frame.ts";

const entry = /^Builtins_JS(Construct|RunMicrotasks)?Entry$/;
const builtin = /^Builtins_(\w+)$/;
/** Written in V8's own languages, or in C++. */
const anyBuiltin = /^(?:Builtins_(\w+)$|v8::internal::Builtin_(\w+)\()/;
/** What the standard library of JavaScript offers, by V8's names: ArrayPrototypeSort, ArrayMap, MathSin. */
const library =
  /^(\w+Prototype[A-Z]\w*|(Array|ArrayBuffer|Atomics|BigInt|Date|Global|Json|Map|Math|Number|Object|Set|Symbol|TypedArray)[A-Z][A-Za-z0-9]*|Promise(All|Any|Race)\w*|String(FromCharCode|Raw))$/;
/** Those that V8 names without "Prototype". */
const arrayMethod =
  /^(Array)(?=Concat|Every|Filter|ForEach|Includes|IndexOf|Map|Reduce|Shift|Some|Unshift)([A-Z])(\w*)$/;
/** Of these names, what only carries a call over. */
const carriers = /^(Function|Generator|AsyncGenerator)Prototype(Apply|Bind|Call|Next|Return|Throw)$/;
/** How C++ of V8 begins that only carries a call over. */
const plumbing = [
  ...["(anonymous namespace)::Invoke", "(anonymous namespace)::HandleApiCall", "Builtin_HandleApiCall"],
  ...["Builtins::InvokeApiFunction", "Execution::", "FunctionCallbackArguments::", "MicrotaskQueue::"],
].map((name) => `v8::internal::${name}`).concat("v8::Function::Call");
const collection = /^v8::internal::Heap::(CollectGarbage|CollectAllGarbage|CollectAllAvailableGarbage)\(/;

/** True for code of V8's own, in the file of Node, which has no names when it was stripped, or in a copy of its builtins. */
export function isV8Frame({ kind, module, function: name }: SymbolizedFrame): boolean {
  if (kind !== "user") return false;
  if (runtimeOfFile(module) !== "node" && module !== generatedModule("node")) return false;
  return name === "" || name.startsWith("v8::") || builtin.test(name) || name.includes(" v8::internal::");
}

/** True where V8 begins to run functions. */
export function entersJavaScript({ function: name }: SymbolizedFrame): boolean {
  return entry.test(name);
}

/** True where garbage collection begins. */
export function beginsCollection({ function: name }: SymbolizedFrame): boolean {
  return collection.test(name);
}

/** A builtin as JavaScript calls it, "Array.prototype.sort"; as V8 calls it where that does not tell; other names as they are. */
export function nameBuiltin(name: string): string {
  const match = anyBuiltin.exec(name);
  const own = match?.[1] ?? match?.[2];
  if (own === undefined) return name;
  const method = /^(\w+?)Prototype([A-Z])(\w*)$/.exec(own) ?? arrayMethod.exec(own);
  if (method !== null) return `${method[1]}.prototype.${method[2]!.toLowerCase()}${method[3]}`;
  const member = /^(Json|Math|Object|Reflect)([A-Z])(\w*)$/.exec(own);
  if (member === null) return own;
  return `${member[1] === "Json" ? "JSON" : member[1]}.${member[2]!.toLowerCase()}${member[3]}`;
}

/** True for what V8 does to call and run functions; false for what a program can ask for. */
export function isV8Plumbing({ function: name }: SymbolizedFrame): boolean {
  const own = builtin.exec(name)?.[1];
  if (own !== undefined) return !library.test(own) || carriers.test(own);
  return name === "" || plumbing.some((begin) => name.startsWith(begin));
}
