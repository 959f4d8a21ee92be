import assert from "node:assert/strict";
import type { NamedFrame } from "../names/resolver.ts";
import { markInterpreterFrames } from "./interpreter_frames.ts";

const modules: Readonly<Record<string, string>> = {
  app: "/usr/bin/nginx-unit",
  python: "/usr/lib/libpython3.13.so.1.0",
  static: "/usr/bin/python3.11",
  libc: "/usr/lib/x86_64-linux-gnu/libc.so.6",
};

/** Frames, leaf first: "name@module", "py:name". */
function parse(text: string): NamedFrame[] {
  return text.split(" ").map((word) => {
    const [name, module = ""] = word.split("@") as [string, string?];
    return name.startsWith("py:")
      ? { kind: "interpreted", function: name, module: "/app.py", address: 0n }
      : { kind: "user", function: name, module: modules[module]!, address: 1n };
  });
}

/** Those that stay. */
function shown(text: string): string {
  return markInterpreterFrames(parse(text)).filter(({ runtime }) => !runtime).map((frame) => frame.function)
    .join(" ");
}

Deno.test("markInterpreterFrames() marks how the interpreter was started, and keeps the host of an embedded one", () => {
  assert.equal(
    shown("py:main PyEval_EvalCode@static Py_RunMain@static __libc_start_main@libc _start@static"),
    "py:main",
  );
  assert.equal(shown("py:main thread_run@python start_thread@libc clone3@libc"), "py:main");
  assert.equal(
    shown("py:main PyObject_Call@python handle@app main@app __libc_start_main@libc _start@app"),
    "py:main handle main _start",
  );
});

Deno.test("markInterpreterFrames() marks calls between Python functions, and keeps C that was called", () => {
  const sorted =
    "py:key _PyFunction_Vectorcall@static PyObject_CallOneArg@static list_sort_impl@static list_sort@static " +
    "cfunction_vectorcall_FASTCALL_KEYWORDS@static builtin_sorted@static PyObject_Vectorcall@static py:main";
  assert.equal(shown(sorted), "py:key list_sort_impl list_sort builtin_sorted py:main");
  assert.equal(
    shown("py:next gen_send_ex2.isra.0@static gen_iternext@static builtin_sum@static py:main"),
    "py:next builtin_sum py:main",
  );
});

Deno.test("markInterpreterFrames() marks what -X perf puts before each function", () => {
  const [python] = parse("py:main");
  const jit = { kind: "jit", function: "py::main:/app.py", module: "", address: 5n } as const;
  assert.deepEqual(markInterpreterFrames([jit, python!]), [{ ...jit, runtime: true }, python]);
  assert.deepEqual(markInterpreterFrames([jit]), [jit]);
});

Deno.test("markInterpreterFrames() marks calls that have not arrived, and no stack without Python", () => {
  assert.equal(shown("_PyEval_EvalFrameDefault@static list_sort@static py:main"), "list_sort py:main");
  assert.equal(shown("memcpy@libc PyObject_Vectorcall@static py:main"), "memcpy py:main");
  assert.equal(shown("Py_Initialize@static _start@static"), "Py_Initialize _start");
});
