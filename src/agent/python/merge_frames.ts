import type { NamedFrame } from "../names/resolver.ts";
import { markInterpreterFrames } from "./interpreter_frames.ts";
import type { PythonFrame } from "./python_codes.ts";

/** The evaluator, and the pieces that compilers split off it. */
const evaluator = /^_PyEval_EvalFrameDefault(\.|$)/;
/** Functions that call nothing without a name but the evaluator, at least not where they spend time. */
const coldCaller = /^(_PyFunction_Vectorcall|_?PyEval_Vector|PyEval_EvalCode)(\.|$)/;
/** MAX_PYTHON_FRAMES. */
const maxPythonFrames = 127;

/**
 * Puts Python frames into a native stack, leaf first both: each call of the native evaluator makes way for the frames that it
 * ran. None of either is lost. Native frames by which the interpreter calls functions are marked as its own.
 *
 * The two may not match. Nearest the leaf, an evaluator that was only just called, or is about to return, has no frame; it
 * stays. A stripped file does not name the evaluator's cold part; it is told by its caller, else its frames come where the
 * evaluators that are known begin. Nearest the root, either stack may be cut: only then they are joined from the leaf on, and
 * Python frames that are left come at the root.
 */
export function mergeFrames(
  native: readonly NamedFrame[],
  python: readonly PythonFrame[],
  isWhole: boolean,
): NamedFrame[] {
  if (python.length === 0) return [...native];
  const runs = splitRuns(python);
  const places = findEvaluators(native, runs.length);
  const fromLeaf = python.length >= maxPythonFrames || (!isWhole && places.length < runs.length);
  const skipped = fromLeaf ? 0 : Math.max(0, places.length - runs.length);
  const merged: NamedFrame[] = [];
  let from = 0;
  // Runs whose evaluator is not known, nearest the leaf.
  let run = fromLeaf ? 0 : Math.max(0, runs.length - places.length);
  const unplaced = runs.slice(0, run).flat();
  for (const place of places.slice(skipped, skipped + runs.length)) {
    merged.push(...withoutInlined(native.slice(from, place)), ...unplaced.splice(0), ...runs[run++]!);
    from = place + 1;
  }
  merged.push(...withoutStrayEnd(native.slice(from)), ...unplaced, ...runs.slice(run).flat());
  return markInterpreterFrames(merged);
}

/** Indexes of the evaluator's frames; while they are fewer than wanted, of its cold part too. */
function findEvaluators(native: readonly NamedFrame[], wanted: number): number[] {
  const isCold = native.map((frame, position) =>
    frame.kind === "user" && frame.function === "" && coldCaller.test(native[position + 1]?.function ?? "")
  );
  let missing = wanted - native.filter(isEvaluator).length;
  const places: number[] = [];
  for (let position = native.length - 1; position >= 0; position--) {
    if (isEvaluator(native[position]!) || (isCold[position] && missing-- > 0)) places.unshift(position);
  }
  return places;
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

function toNamed({ function: name, file, line, startLine }: PythonFrame): NamedFrame {
  // The file in the module's place keeps functions apart that have the same name.
  const source = file === "" ? {} : { source: { file, line }, startLine };
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
