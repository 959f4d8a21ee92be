import type { NamedFrame } from "../names/resolver.ts";

/** Files of the interpreter, and of the C library that starts programs and threads. */
const ownFile = /\/(?:(?:lib)?python3[^/]*|libc\.so[^/]*|libc-[^/]*\.so|libpthread[^/]*|ld-[^/]*)$/;
/** Functions by which the interpreter calls others, as CPython 3.11 to 3.13 name them, with the pieces that compilers split off. */
const calls = new RegExp(
  "^(?:" + [
    "_PyEval_EvalFrame(?:Default)?",
    "_?PyEval_(?:EvalCode|Vector)",
    "_?PyFunction_Vectorcall",
    "_?PyObject_(?:Vectorcall|Call|FastCall|MakeTpCall|CallOneArg|CallNoArgs)\\w*",
    "_?PyVectorcall_\\w+",
    "_?PyCFunction_\\w*Call\\w*",
    "(?:method|cfunction|method_descriptor|wrapper|classmethoddescr|type)_(?:vectorcall|call)\\w*",
    "object_vacall",
    "call_attribute",
    "vectorcall_\\w+",
    "slot_(?:tp|nb|sq|mp|am)_\\w+",
    "PyIter_Send",
    "gen_(?:send_ex2?|am_send|iternext)",
  ].join("|") + ")(?:\\.|$)",
);

/** What `python -X perf` puts before each function, for profilers that see native frames alone. */
const trampoline = "py::";

/**
 * Marks native frames as the runtime's by which the interpreter calls a function, and those by which it was started: nothing
 * that an author wrote or called. What a Python function calls in C stays, and so does the host that a Python is embedded in.
 */
export function markInterpreterFrames(frames: readonly NamedFrame[]): NamedFrame[] {
  const outermost = frames.findLastIndex(({ kind }) => kind === "interpreted");
  if (outermost < 0) return [...frames];
  return frames.map((frame, position) => {
    const isOwn = position < outermost ? calls.test(frame.function) : ownFile.test(frame.module);
    const isTrampoline = frame.kind === "jit" && frame.function.startsWith(trampoline);
    return isTrampoline || (isOwn && frame.kind === "user") ? { ...frame, runtime: true } : frame;
  });
}
