import { StackEnd, type StackQuality } from "../gen/stakeout/v1/profile_pb.ts";

/** Modules named for one reason. */
const namedModules = 3;

const cutReasons = new Map([
  [StackEnd.NO_TABLE, "no table"],
  [StackEnd.BAD_MEMORY, "bad memory"],
  [StackEnd.TOO_DEEP, "over 127 frames"],
  [StackEnd.OVER_BUDGET, "table too large"],
  [StackEnd.PENDING, "table not ready"],
]);

/**
 * How far the stacks of a profile can be trusted, in one line: `stacks: 99.4 % whole, 0.4 % cut (no table: libfoo.so)`. Parts of
 * nothing are left out.
 */
export function describeQuality(quality: StackQuality | undefined): string {
  const ends = (quality?.ends ?? []).map(Number);
  const total = ends.reduce((sum, weight) => sum + weight, 0);
  if (quality === undefined || total === 0) return "stacks: none";
  const parts = [`${percent(ends[StackEnd.WHOLE] ?? 0, total)} whole`];
  const guessed = ends[StackEnd.FRAME_POINTERS] ?? 0;
  if (guessed > 0) parts.push(`${percent(guessed, total)} by frame pointers until tables were ready`);
  const cut = [...cutReasons.keys()].reduce((sum, end) => sum + (ends[end] ?? 0), 0);
  if (cut > 0) parts.push(`${percent(cut, total)} cut (${describeCuts(ends, quality)})`);
  const missing = ends[StackEnd.UNSPECIFIED] ?? 0;
  if (missing > 0) parts.push(`${percent(missing, total)} without a user stack`);
  return `stacks: ${parts.join(", ")}`;
}

function describeCuts(ends: readonly number[], { cutIn }: StackQuality): string {
  return [...cutReasons].filter(([end]) => (ends[end] ?? 0) > 0).map(([end, reason]) => {
    const modules = cutIn.filter((cut) => cut.end === end).map(({ module }) => fileName(module));
    const others = modules.length > namedModules ? ", …" : "";
    return modules.length === 0 ? reason : `${reason}: ${modules.slice(0, namedModules).join(", ")}${others}`;
  }).join("; ");
}

function fileName(module: string): string {
  return module.slice(module.lastIndexOf("/") + 1) || "code of no file";
}

/** Never 100 % when something is missing, nor 0 % when something is there. */
function percent(part: number, total: number): string {
  const value = 100 * part / total;
  if (part === 0 || part === total) return `${value} %`;
  return `${Math.min(99.9, Math.max(0.1, value)).toFixed(1)} %`;
}
