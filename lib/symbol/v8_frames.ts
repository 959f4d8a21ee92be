import { generatedModule, runtimeOfFile } from "./language_runtime.ts";
import type { SymbolizedFrame } from "./symbolized_frame.ts";

const builtin = /^Builtins_(\w+)$/;
/** What the standard library of JavaScript offers, by V8's names: ArrayPrototypeSort, ArrayMap, MathSin. */
const library =
  /^(\w+Prototype[A-Z]\w*|(Array|ArrayBuffer|Atomics|BigInt|Date|Global|Map|Math|Number|Object|Proxy|Set|Symbol|TypedArray)[A-Z][A-Za-z0-9]*|Promise(All|AllSettled|Any|Race|Constructor)|String(FromCharCode|FromCodePoint|Raw)|JsonParse|JsonStringify)$/;
/** Of these names, what only carries a call over. */
const carriers = /^(Function|Generator|AsyncGenerator)Prototype(Apply|Bind|Call|Next|Return|Throw)$/;
/** C++ of V8 that only carries a call over. */
const plumbing =
  /^v8::(Function::Call|internal::(\(anonymous namespace\)::(Invoke|HandleApiCallHelper|InvokeApi)|Execution::|Builtins::InvokeApiFunction|FunctionCallbackArguments::|MicrotaskQueue::|Builtin_HandleApiCall|Builtin_Impl_HandleApiCall|MaybeHandle<v8::internal::Object> v8::internal::\(anonymous namespace\)::HandleApiCallHelper))/;
const collection = /^v8::internal::Heap::(CollectGarbage|CollectAllGarbage|CollectAllAvailableGarbage)\(/;

/** True for code of V8's own, in the file of Node, which has no names when it was stripped, or in a copy of its builtins. */
export function isV8Frame({ kind, module, function: name }: SymbolizedFrame): boolean {
  if (kind !== "user") return false;
  if (runtimeOfFile(module) !== "node" && module !== generatedModule("node")) return false;
  return name === "" || name.startsWith("v8::") || builtin.test(name) || name.includes(" v8::internal::");
}

/** True where garbage collection begins. */
export function isV8Entry({ function: name }: SymbolizedFrame): boolean {
  return collection.test(name);
}

/** True for what V8 does to call and run functions; false for what a program can ask for. */
export function isV8Plumbing({ function: name }: SymbolizedFrame): boolean {
  const own = builtin.exec(name)?.[1];
  if (own !== undefined) return !library.test(own) || carriers.test(own);
  return name === "" || plumbing.test(name);
}
