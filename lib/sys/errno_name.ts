import { getSystemErrorMap } from "node:util";

/** Kernel's own code for "this operation does not exist for this object"; it has no name in user space's errno.h. */
const ENOTSUPP = 524;

/** Returns the name of an errno: `"EPERM"` for 1, `"E524"` for one without a name. The sign does not matter. */
export function errnoName(number: number): string {
  const positive = Math.abs(number);
  if (positive === ENOTSUPP) return "ENOTSUPP";
  return getSystemErrorMap().get(-positive)?.[0] ?? `E${positive}`;
}

/** Returns what an errno means in words: `"operation not permitted"` for 1. The sign does not matter. */
export function errnoText(number: number): string {
  const positive = Math.abs(number);
  if (positive === ENOTSUPP) return "operation not supported by the kernel";
  return getSystemErrorMap().get(-positive)?.[1] ?? `error ${positive}`;
}
