import { kernelBtfPath, readKernelBtfBytes } from "../../../lib/btf/kernel_btf.ts";
import { readCgroupPath } from "../../../lib/procfs/process.ts";
import { bootNs } from "../../../lib/sys/kernel_clock.ts";
import { isInHostNamespace } from "../../../lib/sys/namespace.ts";
import { type Check, passCheck } from "./check.ts";

/** What of the kernel and its file systems can be told without loading anything. */
export function checkHost(): Check[] {
  return [
    checkKernel(Deno.osRelease()),
    checkBtf(),
    checkPidNamespace(),
    checkUserNamespace(),
    checkCgroups(),
    checkTracefs(),
    checkClock(),
  ];
}

/** 6.1 and newer are tested; older ones may work, feature by feature. */
export function checkKernel(release: string): Check {
  const [major = 0, minor = 0] = release.split(".").map((part) => parseInt(part));
  if (major > 6 || (major === 6 && minor >= 1)) return passCheck("kernel", `Linux ${release}`);
  return {
    name: "kernel",
    level: "limited",
    message: `Linux ${release} is not tested; each feature below was tried`,
    fix: "run Linux 6.1 or newer",
  };
}

function checkBtf(): Check {
  const bytes = readKernelBtfBytes();
  if (bytes !== undefined) return passCheck("BTF", `${kernelBtfPath}, ${Math.round(bytes / 1024)} KiB`);
  return {
    name: "BTF",
    level: "missing",
    message: `${kernelBtfPath} does not hold the kernel's types: no BPF program can be loaded`,
    fix: "run a kernel built with CONFIG_DEBUG_INFO_BTF=y, and mount /sys",
  };
}

function checkPidNamespace(): Check {
  if (isInHostNamespace("pid")) return passCheck("pid namespace", "the host's");
  return {
    name: "pid namespace",
    level: "limited",
    message: "not the host's: processes outside this container are not seen",
    fix: "run with hostPID: true or --pid=host, and mount /proc",
  };
}

function checkUserNamespace(): Check {
  if (isInHostNamespace("user")) return passCheck("user namespace", "the host's");
  return {
    name: "user namespace",
    level: "missing",
    message: "not the host's: capabilities of this one do not count for BPF",
    fix: "run as the host's root, not in a rootless container",
  };
}

function checkCgroups(): Check {
  if (readCgroupPath(Deno.pid) !== "") {
    return passCheck("cgroups", exists("/sys/fs/cgroup/cgroup.controllers") ? "version 2" : "version 1");
  }
  return {
    name: "cgroups",
    level: "limited",
    message: "/proc tells none: targets by cgroup and names from containers do not work",
    fix: "run a kernel built with CONFIG_CGROUPS=y, and mount /proc",
  };
}

/** Every hook of this build is a tracepoint with types, which needs no file system. */
function checkTracefs(): Check {
  const path = "/sys/kernel/tracing";
  if (exists(`${path}/events`)) return passCheck("tracefs", path);
  return passCheck("tracefs", `${path} is not mounted or not readable, and not needed`);
}

function checkClock(): Check {
  const before = bootNs();
  let source = "unknown source";
  try {
    source = Deno.readTextFileSync("/sys/devices/system/clocksource/clocksource0/current_clocksource").trim();
  } catch {
    // Only the name is lost.
  }
  if (before > 0 && bootNs() >= before) return passCheck("clock", `CLOCK_BOOTTIME, ${source}`);
  return {
    name: "clock",
    level: "missing",
    message: "CLOCK_BOOTTIME goes backwards, so no second can be judged",
    fix: "choose another clock source in /sys/devices/system/clocksource/clocksource0",
  };
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
