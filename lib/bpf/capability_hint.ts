import { readCapabilities } from "../sys/capability.ts";

const EPERM = 1;
const EACCES = 13;

/** Says which right is missing, or else who may forbid it, when the kernel answered EPERM or EACCES; `""` for any other errno. */
export function explainRefusal(errnoNumber: number): string {
  const positive = Math.abs(errnoNumber);
  if (positive !== EPERM && positive !== EACCES) return "";
  const held = readCapabilities();
  const missing = held.has("CAP_SYS_ADMIN")
    ? []
    : (["CAP_BPF", "CAP_PERFMON"] as const).filter((name) => !held.has(name));
  if (missing.length > 0) return `needs ${missing.join(" and ")}`;
  return "a seccomp filter, a security module or the kernel's lockdown forbids it";
}
