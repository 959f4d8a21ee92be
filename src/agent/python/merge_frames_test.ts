import assert from "node:assert/strict";
import type { NamedFrame } from "../names/resolver.ts";
import { mergeFrames } from "./merge_frames.ts";
import type { PythonFrame } from "./python_codes.ts";

const evaluator = "_PyEval_EvalFrameDefault";

/** Native frames, leaf first; "(name)" is inlined, "?" lies in nothing that is mapped. */
function native(names: string): NamedFrame[] {
  return names.split(" ").filter((name) => name !== "").map((name) => ({
    kind: "user",
    function: name === "?" || name === "cold" ? "" : name.replace(/[()]/g, ""),
    module: name === "?" ? "" : "/usr/lib/libmodule.so",
    address: 1n,
    ...(name.startsWith("(") && { inlined: true }),
  }));
}

/** Python frames, leaf first; "name|" is an entry. */
function python(names: string): PythonFrame[] {
  return names.split(" ").filter((name) => name !== "").map((name) => ({
    function: name.replace("|", ""),
    file: "/app.py",
    line: 7,
    startLine: 5,
    isEntry: name.endsWith("|"),
  }));
}

function merge(nativeNames: string, pythonNames: string): string {
  const frames = native(nativeNames.replaceAll("EVAL", evaluator));
  return mergeFrames(frames, python(pythonNames), nativeNames.endsWith("_start"))
    .map(({ kind, function: name }) => kind === "interpreted" ? `py:${name}` : name || "?").join(" ");
}

Deno.test("mergeFrames() puts the frames that each call of the evaluator ran in its place", () => {
  assert.equal(merge("EVAL Py_Main _start", "spin hot main|"), "py:spin py:hot py:main Py_Main _start");
  assert.equal(
    merge("memcpy EVAL list_sort EVAL Py_Main", "key| sorting main|"),
    "memcpy py:key list_sort py:sorting py:main Py_Main",
  );
  assert.equal(
    merge(`${evaluator}.cold list_sort EVAL _start`, "key| main|"),
    "py:key list_sort py:main _start",
  );
  const [frame] = mergeFrames(native(evaluator), python("main|"), false);
  assert.deepEqual(frame, {
    ...{ kind: "interpreted", function: "main", module: "/app.py", address: 0n },
    source: { file: "/app.py", line: 7 },
    startLine: 5,
  });
});

Deno.test("mergeFrames() says of a function that it is unknown when its code object could not be read", () => {
  const frame = { function: "", file: "", line: 0, startLine: 0, isEntry: true };
  assert.deepEqual(mergeFrames([], [frame], false), [
    { kind: "interpreted", function: "[unknown Python function]", module: "[python]", address: 0n },
  ]);
});

Deno.test("mergeFrames() leaves a native stack alone when there are no Python frames", () => {
  assert.equal(merge("EVAL ? _start ?", ""), `${evaluator} ? _start ?`);
});

Deno.test("mergeFrames() takes away what was inlined into the evaluator, and nothing else", () => {
  assert.equal(merge("(inner) outer (stack_push) EVAL _start", "main|"), "inner outer py:main _start");
});

Deno.test("mergeFrames() keeps an evaluator at the leaf that has no frame yet", () => {
  assert.equal(
    merge("EVAL list_sort EVAL _start", "main|"),
    `${evaluator} list_sort py:main _start`,
  );
});

Deno.test("mergeFrames() puts Python frames at the root when the native stack is cut before their evaluators", () => {
  assert.equal(merge("memcpy", "spin main|"), "memcpy py:spin py:main");
  assert.equal(merge("", "spin main|"), "py:spin py:main");
  assert.equal(merge("memcpy ? ?", "spin main|"), "memcpy py:spin py:main");
  assert.equal(merge("EVAL list_sort ?", "key| sort main|"), "py:key list_sort py:sort py:main");
  assert.equal(merge("EVAL ?", "main|"), "py:main");
});

Deno.test("mergeFrames() finds the evaluator's part that has no name by who called it", () => {
  assert.equal(
    merge("memcpy cold _PyFunction_Vectorcall list_sort EVAL _start", "key| main|"),
    "memcpy py:key _PyFunction_Vectorcall list_sort py:main _start",
  );
  // Not while every frame has its evaluator.
  assert.equal(
    merge("cold _PyFunction_Vectorcall list_sort EVAL _start", "main|"),
    "? _PyFunction_Vectorcall list_sort py:main _start",
  );
});

Deno.test("mergeFrames() puts frames without an evaluator below those that have one when the stack is whole", () => {
  assert.equal(
    merge("memcpy other list_sort EVAL reduce EVAL _start", "inner| key| main|"),
    "memcpy other list_sort py:inner py:key reduce py:main _start",
  );
  assert.equal(merge("memcpy _start", "main|"), "memcpy _start py:main");
});

Deno.test("mergeFrames() joins from the leaf on when the Python stack is cut", () => {
  const names = [...Array(126).fill("deep"), "deep"];
  names[0] = "key|";
  const merged = merge("EVAL list_sort EVAL reduce EVAL _start", names.join(" "));
  assert.ok(merged.startsWith("py:key list_sort py:deep py:deep "));
  assert.ok(merged.endsWith(` py:deep reduce ${evaluator} _start`));
});
