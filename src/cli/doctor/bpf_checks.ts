import { BpfError, NotSupportedError } from "../../../lib/bpf/error.ts";
import { FeatureProbe } from "../../../lib/bpf/feature.ts";
import { type Libbpf, openLibbpf } from "../../../lib/bpf/libbpf.ts";
import { attach, attachPerfEvent, type Link } from "../../../lib/bpf/link.ts";
import { type BpfObject, openObject } from "../../../lib/bpf/object.ts";
import { onlineCpus, openCpuClockEvent } from "../../../lib/sys/perf_event.ts";
import { builtFilePath, readBuiltFile } from "../built_file.ts";
import { type Check, passCheck } from "./check.ts";

interface Hook {
  name: string;
  object: string;
  /** Puts the object's program where the agent would. */
  attach(object: BpfObject): Link;
  /** What does not work without it. */
  without: string;
}

const frequencyHz = 1;
const hooks: readonly Hook[] = [
  {
    name: "task iterator",
    object: "process",
    attach: (object) => attach(object.program("read_processes")),
    without: "no process is seen",
  },
  {
    name: "CPU sampling",
    object: "on_cpu",
    attach: (object) =>
      attachPerfEvent(object.program("on_cpu"), openCpuClockEvent(onlineCpus()[0] ?? 0, frequencyHz)),
    without: "no on-CPU profile can be taken",
  },
];

/** Loads every BPF program of this build, puts it on its hook for a moment, and takes it off again. */
export async function checkBpf(): Promise<Check[]> {
  let libbpf: Libbpf;
  try {
    libbpf = openLibbpf(readBuiltFile("libbpf.so"), builtFilePath("libbpf.so"));
  } catch (error) {
    return [toCheck("libbpf", "nothing can be watched", error)];
  }
  const probe = new FeatureProbe(libbpf);
  const rights = probe.missing("bpf_rights") ?? probe.missing("kernel_btf");
  if (rights !== undefined) return [toCheck("BPF programs", "nothing can be watched", rights)];
  const checks: Check[] = [];
  for (const hook of hooks) checks.push(await tryHook(libbpf, hook));
  return checks;
}

async function tryHook(libbpf: Libbpf, { name, object: file, attach, without }: Hook): Promise<Check> {
  try {
    const object = openObject(libbpf, readBuiltFile(`bpf/${file}.bpf.o`), { name: file });
    try {
      await object.load();
      await attach(object).close();
    } finally {
      object.close();
    }
    return passCheck(name, `${file}.bpf.o loaded and attached`);
  } catch (error) {
    return toCheck(name, without, error);
  }
}

function toCheck(name: string, without: string, error: unknown): Check {
  const reason = error instanceof Error ? error.message : String(error);
  const [what, fix] = reason.split("; ");
  const kernel = error instanceof BpfError || error instanceof NotSupportedError;
  return {
    name,
    level: "missing",
    message: `${what}: ${without}`,
    fix: kernel ? "run as root on Linux 6.1 or newer, without a seccomp filter on bpf(2)" : fix ?? "",
  };
}
