import type { NamedFrame } from "../names/resolver.ts";
import { markInterpreterFrames } from "./interpreter_frames.ts";
import type { PythonFrame } from "./python_codes.ts";

/** The evaluator, and the pieces that compilers split off it. */
const evaluator = /^_PyEval_EvalFrameDefault(\.|$)/;
/** MAX_PYTHON_FRAMES. */
const maxPythonFrames = 127;

/**
 * Puts Python frames into a native stack, leaf first both: each call of the native evaluator makes way for the frames that it
 * ran. None of either is lost: Python frames whose evaluator is missing, because the native stack was cut before it, come
 * at the root. Native frames by which the interpreter calls functions are marked as its own.
 *
 * Both ends of the two stacks may not match. Nearest the leaf, an evaluator that was only just called, or is about to return,
 * has no frame; it stays. Nearest the root, either stack may be cut. So they are joined from the root on when every
 * Python frame has its evaluator, and from the leaf on when not.
 */
export function mergeFrames(native: readonly NamedFrame[], python: readonly PythonFrame[]): NamedFrame[] {
  if (python.length === 0) return [...native];
  const runs = splitRuns(python);
  const places = native.flatMap((frame, position) => isEvaluator(frame) ? [position] : []);
  const isCut = python.length >= maxPythonFrames;
  const skipped = isCut ? 0 : Math.max(0, places.length - runs.length);
  const merged: NamedFrame[] = [];
  let from = 0;
  let joined = 0;
  for (const place of places.slice(skipped, skipped + runs.length)) {
    merged.push(...withoutInlined(native.slice(from, place)), ...runs[joined]!);
    from = place + 1;
    joined++;
  }
  merged.push(...withoutStrayEnd(native.slice(from)), ...runs.slice(joined).flat());
  return markInterpreterFrames(merged);
}

/** The frames that one call of the evaluator ran, for each; the last may have no entry when the stack is cut. */
function splitRuns(python: readonly PythonFrame[]): NamedFrame[][] {
  const runs: NamedFrame[][] = [[]];
  python.forEach((frame, position) => {
    runs.at(-1)!.push(toNamed(frame));
    if (frame.isEntry && position < python.length - 1) runs.push([]);
  });
  return runs;
}

function toNamed({ function: name, file, line }: PythonFrame): NamedFrame {
  // The file in the module's place keeps functions apart that have the same name.
  const source = file === "" ? {} : { source: { file, line } };
  return {
    ...{ kind: "interpreted", function: name || "[unknown Python function]", module: file || "[python]" },
    ...{ address: 0n, ...source },
  };
}

function isEvaluator({ kind, function: name, inlined }: NamedFrame): boolean {
  return kind === "user" && !inlined && evaluator.test(name);
}

/** What was inlined into the evaluator, which comes next, goes with it. */
function withoutInlined(frames: NamedFrame[]): NamedFrame[] {
  return frames.slice(0, frames.findLastIndex(({ inlined }) => !inlined) + 1);
}

/** Where frame pointers end, a walk may find some more words, which are addresses in nothing that is mapped. */
function withoutStrayEnd(frames: readonly NamedFrame[]): readonly NamedFrame[] {
  return frames.slice(0, frames.findLastIndex(({ module }) => module !== "") + 1);
}
