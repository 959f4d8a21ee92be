import { kernelBtfPath, readKernelBtfBytes } from "../btf/kernel_btf.ts";
import { encodeCString } from "../sys/c_string.ts";
import { readCapabilities } from "../sys/capability.ts";
import { errnoText } from "../sys/errno_name.ts";
import { isInHostNamespace } from "../sys/namespace.ts";
import { libc } from "../sys/syscall.ts";
import { NotSupportedError } from "./error.ts";
import type { Libbpf } from "./libbpf.ts";

const EPERM = 1;
const EACCES = 13;
const BPF_MAP_TYPE_ARRAY = 2;
const BPF_MAP_TYPE_RINGBUF = 27;
const BPF_PROG_TYPE_PERF_EVENT = 7;
const BPF_TRACE_ITER = 28;
const BPF_TRACE_RAW_TP = 23;
const BPF_FUNC_LOOP = 181;
const BPF_FUNC_GET_NS_CURRENT_PID_TGID = 120;
const newerKernel = "run Linux 6.1 or newer";

/** Something a kernel, or this process on it, may lack. */
export type Feature =
  | "bpf_rights"
  | "bpf_syscall"
  | "kernel_btf"
  | "ring_buffer"
  | "task_iterator"
  | "perf_event_program"
  | "bpf_loop"
  | "pid_namespaces";

/** All features, in the order in which to ask: without rights, bpf(2) or BTF the rest cannot be told. */
export const features: readonly Feature[] = [
  "bpf_rights",
  "bpf_syscall",
  "kernel_btf",
  "ring_buffer",
  "task_iterator",
  "perf_event_program",
  "bpf_loop",
  "pid_namespaces",
];

/** Asks the kernel what it can do, each thing once. */
export class FeatureProbe {
  readonly #libbpf: Libbpf;
  readonly #answers = new Map<string, NotSupportedError | undefined>();

  constructor(libbpf: Libbpf) {
    this.#libbpf = libbpf;
  }

  /** Returns what the host lacks for a feature, undefined when it has it. */
  missing(feature: Feature): NotSupportedError | undefined {
    return this.#ask(feature, () => this.#probe(feature));
  }

  /** Returns what the host lacks first of all features, undefined when it has them all. */
  firstMissing(): NotSupportedError | undefined {
    for (const feature of features) {
      const missing = this.missing(feature);
      if (missing !== undefined) return missing;
    }
    return undefined;
  }

  /** Returns undefined when the kernel has this tracepoint with BTF (`"sched_switch"`). */
  missingTracepoint(name: string): NotSupportedError | undefined {
    return this.#ask(`tp_btf/${name}`, () => {
      const found =
        this.#libbpf.symbols.libbpf_find_vmlinux_btf_id(encodeCString(name), BPF_TRACE_RAW_TP) > 0;
      return found
        ? undefined
        : new NotSupportedError(`tracepoint ${name}`, "a kernel that has it in its BTF", {
          fix: newerKernel,
        });
    });
  }

  /** @throws {NotSupportedError} for the first of these the host lacks. */
  require(...wanted: Feature[]): void {
    for (const feature of wanted) {
      const missing = this.missing(feature);
      if (missing !== undefined) throw missing;
    }
  }

  #ask(key: string, probe: () => NotSupportedError | undefined): NotSupportedError | undefined {
    if (!this.#answers.has(key)) this.#answers.set(key, probe());
    return this.#answers.get(key);
  }

  #probe(feature: Feature): NotSupportedError | undefined {
    const { symbols } = this.#libbpf;
    switch (feature) {
      case "bpf_rights":
        return probeRights();
      case "bpf_syscall":
        return this.#probeSyscall();
      case "kernel_btf":
        return answer(
          readKernelBtfBytes() !== undefined,
          "kernel types",
          `${kernelBtfPath} (CONFIG_DEBUG_INFO_BTF)`,
          "run a kernel that has it, and mount /sys",
        );
      case "ring_buffer":
        return answer(
          symbols.libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, null) === 1,
          "ring buffer",
          "Linux 5.8",
        );
      case "task_iterator":
        return answer(
          symbols.libbpf_find_vmlinux_btf_id(encodeCString("task"), BPF_TRACE_ITER) > 0,
          "task iterator",
          "Linux 5.8 with kernel BTF",
        );
      case "perf_event_program":
        return answer(
          symbols.libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_PERF_EVENT, null) === 1,
          "perf_event programs",
          "CONFIG_BPF_EVENTS and CONFIG_PERF_EVENTS",
        );
      case "bpf_loop":
        return answer(this.#hasHelper(BPF_FUNC_LOOP), "bpf_loop", "Linux 5.17");
      case "pid_namespaces":
        return answer(
          this.#hasHelper(BPF_FUNC_GET_NS_CURRENT_PID_TGID),
          "pids of the own namespace",
          "Linux 5.7",
        );
    }
  }

  /** Makes the simplest of all maps, which every kernel with bpf(2) can. */
  #probeSyscall(): NotSupportedError | undefined {
    const fd = this.#libbpf.symbols.bpf_map_create(BPF_MAP_TYPE_ARRAY, null, 4, 4, 1, null);
    if (fd >= 0) {
      libc().close(fd);
      return undefined;
    }
    const denied = fd === -EPERM || fd === -EACCES;
    const why = denied
      ? "which a seccomp filter or security module forbids here"
      : `which answers "${errnoText(fd)}" here`;
    return new NotSupportedError("BPF", `bpf(2), ${why}`, {
      fix: denied
        ? "allow bpf(2) in the seccomp profile of the container or service"
        : `${newerKernel}, without a seccomp filter on bpf(2)`,
    });
  }

  #hasHelper(helper: number): boolean {
    return this.#libbpf.symbols.libbpf_probe_bpf_helper(BPF_PROG_TYPE_PERF_EVENT, helper, null) === 1;
  }
}

function answer(
  has: boolean,
  feature: string,
  needs: string,
  fix = newerKernel,
): NotSupportedError | undefined {
  return has ? undefined : new NotSupportedError(feature, needs, { fix });
}

function probeRights(): NotSupportedError | undefined {
  if (!isInHostNamespace("user")) {
    return new NotSupportedError("BPF", "the host's user namespace, whose capabilities alone count", {
      fix: "run as the host's root, not in a rootless container",
    });
  }
  const held = readCapabilities();
  if (held.has("CAP_SYS_ADMIN")) return undefined;
  const missing = (["CAP_BPF", "CAP_PERFMON"] as const).filter((name) => !held.has(name));
  return answer(missing.length === 0, "BPF", missing.join(" and "), "run as root, or grant it");
}
