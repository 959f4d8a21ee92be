import { type ModuleWeight, StackEnd, type StackQuality } from "../gen/stakeout/v1/profile_pb.ts";
import { stackEnds, type StackEndWords } from "../model/stack_end.ts";

/** Modules named for one reason. */
const namedModules = 3;

/**
 * How far the stacks of a profile can be trusted, in one line: `99.4 % whole, 0.4 % cut (no table: libfoo.so)`. Parts of nothing are
 * left out.
 */
export function describeQuality(quality: StackQuality | undefined): string {
  const weightOf = (end: StackEndWords) => Number(quality?.ends[numberOf(end)] ?? 0n);
  const total = stackEnds.reduce((sum, end) => sum + weightOf(end), 0);
  if (quality === undefined || total === 0) return "none";
  const uncut = stackEnds.filter((end) => !end.isCut && (end.name === "WHOLE" || weightOf(end) > 0));
  const parts = uncut.map((end) => `${percent(weightOf(end), total)} ${end.short}`);
  const cuts = stackEnds.filter((end) => end.isCut && weightOf(end) > 0);
  const cut = cuts.reduce((sum, end) => sum + weightOf(end), 0);
  if (cut > 0) {
    const reasons = cuts.map((end) => describeCut(end, quality)).join("; ");
    parts.push(`${percent(cut, total)} cut (${reasons})`);
  }
  return parts.join(", ");
}

/**
 * The same for programs: how many stacks ended how, by the ends' names, and in which modules those lie that were cut, or
 * have functions without a name.
 * Units: samples of an on-CPU profile, waits of an off-CPU one.
 */
export function toQualityRecord(quality: StackQuality | undefined) {
  const toModule = ({ module, weight }: ModuleWeight) => ({ module, stacks: Number(weight) });
  const ends = stackEnds.map((end) => [keyOf(end), Number(quality?.ends[numberOf(end)] ?? 0n)] as const);
  return {
    ends: Object.fromEntries(ends.filter(([, stacks]) => stacks > 0)),
    cutIn: quality?.cutIn.map((cut) => ({
      ...toModule(cut),
      end: StackEnd[cut.end].toLowerCase(),
    })) ?? [],
    unnamedIn: quality?.unnamedIn.map(toModule) ?? [],
  };
}

/** See {@linkcode toQualityRecord}. */
export type QualityRecord = ReturnType<typeof toQualityRecord>;

function describeCut(end: StackEndWords, { cutIn }: StackQuality): string {
  const modules = cutIn.filter((cut) => cut.end === numberOf(end)).map(({ module }) => fileName(module));
  const others = modules.length > namedModules ? ", …" : "";
  return modules.length === 0
    ? end.short
    : `${end.short}: ${modules.slice(0, namedModules).join(", ")}${others}`;
}

/** What has no end of its own has no user stack. */
function keyOf({ name }: StackEndWords): string {
  return name === "UNSPECIFIED" ? "no_user_stack" : name.toLowerCase();
}

function numberOf({ name }: StackEndWords): number {
  return StackEnd[name as keyof typeof StackEnd];
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
