import { hasKernelAddresses } from "../host_problems.ts";
import { type Check, passCheck } from "./check.ts";

/** Whether kernel functions can be named. */
export function checkKernelSymbols(): Check {
  const name = "kernel symbols";
  if (hasKernelAddresses()) return passCheck(name, "/proc/kallsyms");
  const fix = readNumber("/proc/sys/kernel/kptr_restrict") === 2
    ? "grant CAP_SYSLOG, and as root: sysctl kernel.kptr_restrict=1"
    : "grant CAP_SYSLOG";
  return {
    name,
    level: "limited",
    message: "/proc/kallsyms hides its addresses: kernel functions have no names",
    fix,
  };
}

function readNumber(path: string): number | undefined {
  try {
    return parseInt(Deno.readTextFileSync(path));
  } catch {
    return undefined;
  }
}
