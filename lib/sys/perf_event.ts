import { NotSupportedError } from "../bpf/error.ts";
import { readCapabilities } from "./capability.ts";
import { errnoText } from "./errno_name.ts";
import { errno, libc } from "./syscall.ts";

const SYS_PERF_EVENT_OPEN = Deno.build.arch === "x86_64" ? 298n : 241n;
const ATTR_BYTES = 128;
const PERF_TYPE_SOFTWARE = 1;
const PERF_COUNT_SW_CPU_CLOCK = 0n;
const PERF_ATTR_FREQ = 1n << 10n;
const PERF_FLAG_FD_CLOEXEC = 8n;
const EPERM = 1;
const ENODEV = 19;
const EACCES = 13;

/**
 * Opens a timer on one CPU that fires `frequencyHz` times a second of whatever runs there, for a BPF program to be attached
 * to. It fires only while the CPU runs something (an idle CPU's clock is stopped).
 *
 * @returns the event's fd.
 * @throws {NotSupportedError} without the right to it.
 * @throws {Error} otherwise, as for a CPU that went offline.
 *
 * Source: perf_event_open(2), PERF_COUNT_SW_CPU_CLOCK; `struct perf_event_attr`: type 0, size 4, config 8, sample_freq 16, flags 40.
 * Limits: kernel.perf_event_max_sample_rate, 100,000 Hz where nobody changed it.
 */
export function openCpuClockEvent(cpu: number, frequencyHz: number): number {
  const attr = new DataView(new ArrayBuffer(ATTR_BYTES));
  attr.setUint32(0, PERF_TYPE_SOFTWARE, true);
  attr.setUint32(4, ATTR_BYTES, true);
  attr.setBigUint64(8, PERF_COUNT_SW_CPU_CLOCK, true);
  attr.setBigUint64(16, BigInt(frequencyHz), true);
  attr.setBigUint64(40, PERF_ATTR_FREQ, true);
  const everyProcess = -1n;
  const noGroup = -1n;
  const fd = libc().syscallPerfEventOpen(
    SYS_PERF_EVENT_OPEN,
    attr,
    everyProcess,
    BigInt(cpu),
    noGroup,
    PERF_FLAG_FD_CLOEXEC,
  );
  if (fd >= 0n) return Number(fd);
  const reason = errno();
  if (reason === EPERM || reason === EACCES) {
    const held = readCapabilities();
    const entitled = held.has("CAP_PERFMON") || held.has("CAP_SYS_ADMIN");
    throw entitled
      ? new NotSupportedError(
        "CPU sampling",
        "perf_event_open(2), which a seccomp filter or security module forbids here",
        { fix: "allow perf_event_open(2) in the seccomp profile of the container or service" },
      )
      : new NotSupportedError("CPU sampling", "CAP_PERFMON", { fix: "run as root, or grant it" });
  }
  const fix = reason === ENODEV ? ` (CPU ${cpu} is offline)` : "";
  throw new Error(`Cannot open a CPU clock event on CPU ${cpu}: ${errnoText(reason)}${fix}`);
}

/** Returns the numbers of the CPUs that are online. Source: /sys/devices/system/cpu/online, `"0-3,5"`. */
export function onlineCpus(): number[] {
  return parseCpuList(Deno.readTextFileSync("/sys/devices/system/cpu/online"));
}

/** Parses a list of CPUs such as `"0-3,5"`. */
export function parseCpuList(text: string): number[] {
  const cpus: number[] = [];
  for (const range of text.trim().split(",")) {
    const [first, last] = range.split("-").map(Number);
    if (first === undefined || Number.isNaN(first) || range === "") continue;
    for (let cpu = first; cpu <= (last ?? first); cpu++) cpus.push(cpu);
  }
  return cpus;
}
