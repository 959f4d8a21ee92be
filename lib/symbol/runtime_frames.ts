import { generatedModule, type LanguageRuntime, runtimeOfFile } from "./language_runtime.ts";
import type { SymbolizedFrame } from "./symbolized_frame.ts";
import { beginsCollection, entersJavaScript, isV8Frame, isV8Plumbing, nameBuiltin } from "./v8_frames.ts";

/**
 * Marks the frames of a user stack, leaf first, by which a language's runtime calls and runs the program's functions: nothing
 * that its author wrote or called. Stacks in which none of the program's own functions are, such as those of garbage collection
 * on a thread of its own, stay as they are, and so does the first function of the runtime's that a function calls.
 */
export function markRuntimeFrames(
  frames: readonly SymbolizedFrame[],
  runtime: LanguageRuntime | undefined,
): SymbolizedFrame[] {
  const outermost = runtime === undefined ? -1 : findOutermost(frames, runtime);
  if (outermost < 0) return [...frames];
  const hidden = runtime === "java" ? hideJava(frames, outermost) : hideV8(frames, outermost);
  // Something of each stack is shown.
  if (hidden.slice(0, outermost + 1).every(Boolean)) hidden[0] = false;
  return frames.map((frame, at) => {
    if (at > outermost || hidden[at]) return { ...frame, runtime: true };
    return runtime === "node" ? { ...frame, function: nameBuiltin(frame.function) } : frame;
  });
}

/**
 * Index of the program's outermost function; where none is seen, for a builtin of V8's that has no frame of its own hides the
 * function that called it, of the frame by which V8 enters JavaScript. -1 when there is neither.
 */
function findOutermost(frames: readonly SymbolizedFrame[], runtime: LanguageRuntime): number {
  const script = frames.findLastIndex((frame) => isScript(frame, runtime));
  return script >= 0 || runtime === "java" ? script : frames.findLastIndex(entersJavaScript);
}

/** A function of the program's, in the language that the runtime runs; with or without a name. */
function isScript(frame: SymbolizedFrame, runtime: LanguageRuntime): boolean {
  if (frame.kind === "interpreted") return true;
  return frame.kind === "jit" && frame.module === generatedModule(runtime) && frame.runtime !== true;
}

/** Between two Java functions, the JVM's own only carry the call over. What Java called last stays: it is where time goes. */
function hideJava(frames: readonly SymbolizedFrame[], outermost: number): boolean[] {
  const innermost = frames.findIndex((frame) => isScript(frame, "java"));
  return frames.map((frame, at) =>
    frame.runtime === true || (at > innermost && at < outermost && runtimeOfFile(frame.module) === "java")
  );
}

/**
 * Of frames of V8's in a row, called by a function or by what is not V8's, the first that does something a program asks for
 * stays; and where garbage collection begins.
 */
function hideV8(frames: readonly SymbolizedFrame[], outermost: number): boolean[] {
  const hidden = frames.map(() => false);
  let shown = false;
  for (let at = outermost; at >= 0; at--) {
    const frame = frames[at]!;
    if (isScript(frame, "node") || !isV8Frame(frame)) {
      shown = false;
      continue;
    }
    hidden[at] = !beginsCollection(frame) && (shown || isV8Plumbing(frame));
    if (!hidden[at]) shown = true;
  }
  return hidden;
}
