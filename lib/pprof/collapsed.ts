/** A stack with its weight: frame names from root to leaf. */
export interface CollapsedStack {
  readonly frames: readonly string[];
  /** Samples, or nanoseconds off-CPU. */
  readonly weight: number;
}

const maxLineLength = 1024 * 1024;
const maxFrames = 4096;
const lineShape = /^(.*) (\d{1,16})$/;

/**
 * Writes folded stacks: one line a stack, `frame;frame weight`, root to leaf; equal stacks are added up.
 *
 * Sums stop at 2^53 - 1. In names `;` becomes `:` and control characters become spaces: the format has no way to quote them.
 */
export function formatCollapsed(stacks: Iterable<CollapsedStack>): string {
  const weights = new Map<string, number>();
  for (const { frames, weight } of stacks) {
    const line = frames.map(escapeFrame).join(";");
    weights.set(line, Math.min((weights.get(line) ?? 0) + weight, Number.MAX_SAFE_INTEGER));
  }
  let text = "";
  for (const [line, weight] of weights) text += `${line} ${weight}\n`;
  return text;
}

/**
 * Reads folded stacks; lines of another shape are left out.
 *
 * Limits: lines of 1 MiB, 4,096 frames a stack, weights below 2^53.
 */
export function parseCollapsed(text: string): CollapsedStack[] {
  const stacks: CollapsedStack[] = [];
  for (let start = 0; start < text.length;) {
    let end = text.indexOf("\n", start);
    if (end < 0) end = text.length;
    const stack = end - start > maxLineLength ? undefined : parseLine(text.slice(start, end));
    if (stack !== undefined) stacks.push(stack);
    start = end + 1;
  }
  return stacks;
}

function parseLine(line: string): CollapsedStack | undefined {
  const match = lineShape.exec(line);
  if (match === null) return undefined;
  const frames = match[1]!.split(";", maxFrames + 1);
  const weight = Number(match[2]);
  return frames.length > maxFrames || !Number.isSafeInteger(weight) ? undefined : { frames, weight };
}

function escapeFrame(name: string): string {
  // deno-lint-ignore no-control-regex
  const escaped = name.replaceAll(";", ":").replaceAll(/[\0-\x1f\x7f\u0085\u2028\u2029]/g, " ");
  return escaped === "" ? "[unknown]" : escaped;
}
