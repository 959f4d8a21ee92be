import { type Check, passCheck } from "./check.ts";

/** Whether the kernel shows the addresses of its functions to us: all zero means no. */
export function checkKernelSymbols(): Check {
  const name = "kernel symbols";
  const without = "kernel frames have no names";
  try {
    using file = Deno.openSync("/proc/kallsyms");
    const buffer = new Uint8Array(4096);
    const read = file.readSync(buffer) ?? 0;
    const lines = new TextDecoder().decode(buffer.subarray(0, read)).split("\n").slice(0, -1);
    if (lines.some((line) => !/^0+ /.test(line))) return passCheck(name, "/proc/kallsyms");
  } catch {
    return {
      name,
      level: "limited",
      message: `/proc/kallsyms cannot be read: ${without}`,
      fix: "mount /proc",
    };
  }
  return {
    name,
    level: "limited",
    message: `kptr_restrict hides addresses: ${without}`,
    fix: "grant CAP_SYSLOG, or as root: sysctl kernel.kptr_restrict=0 (at 2 only that helps)",
  };
}
