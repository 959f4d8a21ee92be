import { readCapabilities } from "../sys/capability.ts";

const EPERM = 1;
const EACCES = 13;

/** Says which right is missing when the kernel answered EPERM or EACCES; `""` for any other errno. */
export function explainRefusal(errnoNumber: number): string {
  const positive = Math.abs(errnoNumber);
  if (positive !== EPERM && positive !== EACCES) return "";
  const held = readCapabilities();
  if (held.has("CAP_SYS_ADMIN")) return "";
  const missing = (["CAP_BPF", "CAP_PERFMON"] as const).filter((name) => !held.has(name));
  return missing.length > 0 ? `needs ${missing.join(" and ")}` : "";
}
