import assert from "node:assert/strict";
import type { LanguageRuntime } from "./language_runtime.ts";
import { markRuntimeFrames } from "./runtime_frames.ts";
import type { SymbolizedFrame } from "./symbolized_frame.ts";

const modules = {
  js: "[node jit]",
  node: "/usr/bin/node",
  libnode: "/usr/lib/libnode.so.108",
  libc: "/lib/libc.so.6",
};
const javaModules = { java: "[java jit]", jvm: "/usr/lib/jvm/lib/libjvm.so", libc: "/lib/libc.so.6" };

/** Frames written root first, "module name", as people read them; what stays is given back the same way. */
function readShown(text: string, runtime: LanguageRuntime): string {
  const names = { ...modules, ...javaModules };
  const frames = text.split(";").toReversed().map((word): SymbolizedFrame => {
    const [key, ...rest] = word.trim().split(" ");
    const name = rest.join(" ");
    const kind = name === "Interpreter" ? "interpreted" : key === "js" || key === "java" ? "jit" : "user";
    const stub = key === "java" && name.startsWith("Stub");
    return {
      ...{ kind, function: name, module: names[key as keyof typeof names], address: 1n },
      ...(stub && { runtime: true }),
    };
  });
  const marked = markRuntimeFrames(frames, runtime);
  assert.equal(marked.length, frames.length);
  return marked.filter((frame) => !frame.runtime).toReversed().map((frame) => frame.function).join(";");
}

Deno.test("markRuntimeFrames() leaves JavaScript, the library and native code of a Node stack", () => {
  const root =
    "libc __libc_start_call_main;node node::Start;node uv_run;node v8::internal::MicrotaskQueue::RunMicrotasks(v8::internal::Isolate*);" +
    "node Builtins_JSRunMicrotasksEntry;node Builtins_RunMicrotasks;node Builtins_AsyncFunctionAwaitResolveClosure;";
  const cases = [
    ["js serve;js handler", "serve;handler"],
    ["js serve;node Builtins_CallFunction_ReceiverIsAny;js handler", "serve;handler"],
    [
      "js serve;node Builtins_ArrayPrototypeSort;node Builtins_ArrayTimSort;node Builtins_MergeAt;js compare",
      "serve;Array.prototype.sort;compare",
    ],
    [
      "js serve;node Builtins_CEntry_Return1_ArgvOnStack_BuiltinExit;node v8::internal::Builtin_JsonParse(int);node v8::internal::JsonParser::Parse();libc memcpy",
      "serve;JSON.parse;memcpy",
    ],
    ["js serve;node Builtins_LoadIC_Megamorphic", "serve"],
    ["js serve;node Builtins_LdaZeroHandler", "serve"],
    [
      "js read;node Builtins_HandleApiCall;node node::fs::Read(v8::FunctionCallbackInfo<v8::Value> const&);node uv_fs_read;libc read",
      "read;node::fs::Read(v8::FunctionCallbackInfo<v8::Value> const&);uv_fs_read;read",
    ],
    [
      "js make;node Builtins_CEntry;node v8::internal::Runtime_AllocateInYoungGeneration(int);node v8::internal::Heap::CollectGarbage(int);node v8::internal::Scavenger::Process()",
      "make;v8::internal::Runtime_AllocateInYoungGeneration(int);v8::internal::Heap::CollectGarbage(int)",
    ],
    [
      "js serve;node Builtins_ArrayMap;js each;node v8::internal::Builtin_ArrayConcat(int)",
      "serve;Array.prototype.map;each;Array.prototype.concat",
    ],
    ["js serve;node Builtins_MathSin", "serve;Math.sin"],
    // A builtin without a frame of its own hides its caller.
    ["node Builtins_StringFromCodePointAt", "StringFromCodePointAt"],
    ["node Builtins_ArrayPrototypeSort;node Builtins_MergeAt", "Array.prototype.sort"],
    // A stripped file of V8's has no names of what is inside.
    ["js serve;libnode ;libnode ;js handler;libnode ", "serve;handler"],
  ];
  for (const [stack, expected] of cases) assert.equal(readShown(root + stack, "node"), expected);
});

Deno.test("markRuntimeFrames() leaves stacks without JavaScript as they are", () => {
  const stack =
    "libc start_thread;node v8::internal::Heap::CollectGarbage(int);node v8::internal::Scavenger::Process()";
  assert.equal(readShown(stack, "node").split(";").length, 3);
});

Deno.test("markRuntimeFrames() leaves methods, what they call last and native code of a Java stack", () => {
  const root = "libc start_thread;jvm JavaMain;jvm JavaCalls::call_helper(int);java StubRoutines (1);";
  const cases = [
    ["java Interpreter;java Load.handle;java StubRoutines (2)", "Interpreter;Load.handle"],
    [
      "java Load.run;jvm JVM_DoPrivileged;jvm JavaCalls::call(int);java StubRoutines (1);java Load.inner",
      "Load.run;Load.inner",
    ],
    [
      "java Load.make;jvm OptoRuntime::new_array_C(int);jvm G1CollectedHeap::mem_allocate(int);libc mmap",
      "Load.make;OptoRuntime::new_array_C(int);G1CollectedHeap::mem_allocate(int);mmap",
    ],
    // What has no name is a frame all the same.
    ["java Load.run;java ;java Load.inner", "Load.run;;Load.inner"],
  ];
  for (const [stack, expected] of cases) assert.equal(readShown(root + stack, "java"), expected);
  assert.equal(
    readShown("libc start_thread;jvm GangWorker::run()", "java"),
    "start_thread;GangWorker::run()",
  );
});
