import assert from "node:assert/strict";
import { readJitFunction } from "./jit_function.ts";
import type { LanguageRuntime } from "./language_runtime.ts";

/** What an author reads: kind, function, place, and whether it is the runtime's. */
function read(entry: string, runtime?: LanguageRuntime): string {
  const { kind, function: name, source, runtime: own } = readJitFunction(entry, runtime);
  const place = source === undefined ? "" : ` @ ${source.file}:${source.line}`;
  return `${kind} ${name}${place}${own ? " (runtime)" : ""}`;
}

Deno.test("readJitFunction() reads what Node 18 and 20 write of functions", () => {
  const cases = [
    ["LazyCompile:*handler /srv/app.js:21", "jit handler @ /srv/app.js:21"],
    ["Function:^mix /srv/app.js:3", "jit mix @ /srv/app.js:3"],
    ["JS:~sortNumbers /srv/app.js:8:21", "interpreted sortNumbers @ /srv/app.js:8"],
    ["JS:*'special /srv/app.js:3:1", "jit special @ /srv/app.js:3"],
    ["JS:+maglev file:///srv/app.mjs:8:21", "jit maglev @ file:///srv/app.mjs:8"],
    ["JS:^ /srv/a b/app.js:11:13", "jit (anonymous) app.js:11 @ /srv/a b/app.js:11"],
    ["JS:*get size /srv/a b/app.js:1:2", "jit get size @ /srv/a b/app.js:1"],
    ["JS:*[Symbol.iterator] node:internal/streams:70:2", "jit [Symbol.iterator] @ node:internal/streams:70"],
    ["JS:*#hidden /srv/app.js:17:10", "jit #hidden @ /srv/app.js:17"],
    ["Eval:~ [eval]:1:1", "interpreted (anonymous) [eval]:1 @ [eval]:1"],
    [
      "Script:~ evalmachine.<anonymous>:1:1",
      "interpreted (anonymous) evalmachine.<anonymous>:1 @ evalmachine.<anonymous>:1",
    ],
    ["JS:*alone", "jit alone"],
    ["JS:*", "jit (anonymous)"],
  ];
  for (const [entry, expected] of cases) assert.equal(read(entry!), expected);
});

Deno.test("readJitFunction() names V8's builtins as its symbols do, and its interpreter's entry by what it stands for", () => {
  assert.equal(read("Builtin:ArrayPrototypeSort"), "user Builtins_ArrayPrototypeSort");
  assert.equal(
    read("BytecodeHandler:CreateRegExpLiteral.Wide"),
    "user Builtins_CreateRegExpLiteralWideHandler",
  );
  assert.equal(read("Builtin:InterpreterEntryTrampoline"), "interpreted (interpreted function)");
  assert.equal(read("RegExp:a+b"), "jit RegExp: a+b");
});

Deno.test("readJitFunction() reads methods of Java without types, and takes all else in a JVM's map for stubs", () => {
  const cases = [
    ["int Load$Parser.parse(int)", "jit Load$Parser.parse"],
    [
      "java.lang.Object[] java.util.ArrayList$SubList.toArray(java.lang.Object[])",
      "jit java.util.ArrayList$SubList.toArray",
    ],
    [
      "int Load$$Lambda$1/0x00007ff4a8000c30.compare(java.lang.Object, java.lang.Object)",
      "jit Load$$Lambda$1.compare",
    ],
    ["void java.lang.String.<init>(byte[], byte)", "jit java.lang.String.<init>"],
    ["Lcom/foo/Bar;::method", "jit com.foo.Bar.method"],
    ["Lcom/foo/Bar;::method(I)V", "jit com.foo.Bar.method"],
    ["Interpreter", "interpreted Interpreter"],
    ["StubRoutines (1)", "jit StubRoutines (1) (runtime)"],
    ["I2C/C2I adapters", "jit I2C/C2I adapters (runtime)"],
    ["new_instance Runtime1 stub", "jit new_instance Runtime1 stub (runtime)"],
  ];
  for (const [entry, expected] of cases) assert.equal(read(entry!, "java"), expected);
});

Deno.test("readJitFunction() demangles what no runtime that it knows wrote", () => {
  assert.equal(read("_ZN3foo3barEv"), "jit foo::bar()");
  assert.equal(read("int Load.mix(int)"), "jit int Load.mix(int)");
});
