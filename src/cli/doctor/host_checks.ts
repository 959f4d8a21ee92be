import { bootNs } from "../../../lib/sys/kernel_clock.ts";
import { describeFileError } from "../describe_file_error.ts";
import { type Check, passCheck } from "./check.ts";

/** The first pid namespace of a boot has this inode on every Linux. */
const hostPidNamespace = "pid:[4026531836]";

/** What of the kernel and its file systems can be told without loading anything. */
export function checkHost(): Check[] {
  return [
    checkKernel(Deno.osRelease()),
    checkBtf(),
    checkPidNamespace(),
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
  const path = "/sys/kernel/btf/vmlinux";
  try {
    return passCheck("BTF", `${path}, ${Math.round(Deno.statSync(path).size / 1024)} KiB`);
  } catch (error) {
    return {
      name: "BTF",
      level: "missing",
      message: `${path}: ${describeFileError(error)}, so no BPF program can be loaded`,
      fix: "run a kernel built with CONFIG_DEBUG_INFO_BTF=y, and mount /sys",
    };
  }
}

function checkPidNamespace(): Check {
  if (Deno.readLinkSync("/proc/self/ns/pid") === hostPidNamespace) {
    return passCheck("pid namespace", "the host's");
  }
  return {
    name: "pid namespace",
    level: "limited",
    message: "not the host's: processes outside this container are not seen",
    fix: "run with hostPID: true or --pid=host",
  };
}

function checkCgroups(): Check {
  if (exists("/sys/fs/cgroup/cgroup.controllers")) return passCheck("cgroups", "version 2");
  return {
    name: "cgroups",
    level: "limited",
    message: "no version 2 hierarchy: targets by cgroup and names from containers may be missing",
    fix: "mount cgroup2 on /sys/fs/cgroup, or boot with systemd.unified_cgroup_hierarchy=1",
  };
}

function checkTracefs(): Check {
  if (exists("/sys/kernel/tracing/events")) return passCheck("tracefs", "/sys/kernel/tracing");
  return {
    name: "tracefs",
    level: "limited",
    message: "not mounted or not readable: HTTP metrics do not work",
    fix: "as root: mount -t tracefs tracefs /sys/kernel/tracing",
  };
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
