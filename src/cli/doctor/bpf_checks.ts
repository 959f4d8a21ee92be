import { NotSupportedError } from "../../../lib/bpf/error.ts";
import { type Libbpf, openLibbpf } from "../../../lib/bpf/libbpf.ts";
import { attach, attachPerfEvent, type Link } from "../../../lib/bpf/link.ts";
import { type BpfObject, openObject } from "../../../lib/bpf/object.ts";
import { missingUprobes } from "../../../lib/bpf/uprobe.ts";
import { onlineCpus, openCpuClockEvent } from "../../../lib/sys/perf_event.ts";
import { HttpPrograms } from "../../agent/http/http_programs.ts";
import { builtFilePath, readBuiltFile } from "../built_file.ts";
import { type Check, passCheck } from "./check.ts";

interface Hook {
  name: string;
  object: string;
  /** Puts the object's program where the agent would. */
  attach(object: BpfObject): Link;
  level: "limited" | "missing";
  /** What does not work without it. */
  without: string;
}

const frequencyHz = 1;
const hooks: readonly Hook[] = [
  {
    name: "task iterator",
    object: "process",
    attach: (object) => attach(object.program("read_processes")),
    level: "missing",
    without: "no process is seen",
  },
  {
    name: "CPU sampling",
    object: "on_cpu",
    attach: (object) =>
      attachPerfEvent(object.program("on_cpu"), openCpuClockEvent(onlineCpus()[0] ?? 0, frequencyHz)),
    level: "limited",
    without: "no on-CPU profile can be taken",
  },
];

/** Loads every BPF program of this build, puts it on its hook for a moment, and takes it off again. */
export async function checkBpf(): Promise<Check[]> {
  let libbpf: Libbpf;
  try {
    libbpf = openLibbpf(readBuiltFile("libbpf.so"), builtFilePath("libbpf.so"));
  } catch (error) {
    return hooks.map((hook) => failCheck(hook, error));
  }
  const checks: Check[] = [];
  for (const hook of hooks) checks.push(await tryHook(libbpf, hook));
  return [...checks, await tryHttp(libbpf), checkTls(libbpf)];
}

/** The HTTP programs choose their hook by themselves; by system calls they cost every process of the host. */
async function tryHttp(libbpf: Libbpf): Promise<Check> {
  try {
    const programs = await HttpPrograms.open(libbpf, readBuiltFile("bpf/http.bpf.o"));
    await programs.close();
    if (programs.hook === "sockets") {
      return passCheck("HTTP", "http.bpf.o loaded and attached to socket events");
    }
    return {
      name: "HTTP",
      level: "limited",
      message:
        "the kernel has no socket events: HTTP rules slow every system call of the host by about 90 ns",
      fix: "use Linux 6.3 or newer where HTTP rules matter",
    };
  } catch (error) {
    return failCheck({ name: "HTTP", level: "limited", without: "no HTTP rule can be judged" }, error);
  }
}

/** They are put on libraries only where a policy wants it, so nothing is tried here but whether the kernel has the way. */
function checkTls(libbpf: Libbpf): Check {
  const missing = missingUprobes(libbpf);
  if (missing === undefined) {
    return passCheck("TLS", "the kernel can probe OpenSSL, where a policy has tls: true");
  }
  return {
    name: "TLS",
    level: "limited",
    message: `needs ${missing.needs}: what policies with tls: true ask for is not read`,
    fix: "run Linux 6.6 or newer where encrypted HTTP matters",
  };
}

async function tryHook(libbpf: Libbpf, hook: Hook): Promise<Check> {
  const file = hook.object;
  try {
    const object = openObject(libbpf, readBuiltFile(`bpf/${file}.bpf.o`), { name: file });
    try {
      await object.load();
      await hook.attach(object).close();
    } finally {
      object.close();
    }
    return passCheck(hook.name, `${file}.bpf.o loaded and attached`);
  } catch (error) {
    return failCheck(hook, error);
  }
}

function failCheck(
  { name, level, without }: Pick<Hook, "name" | "level" | "without">,
  error: unknown,
): Check {
  if (error instanceof NotSupportedError) {
    return { name, level, message: `needs ${error.needs}: ${without}`, fix: error.fix };
  }
  const [what, fix] = (error instanceof Error ? error.message : String(error)).split("; ");
  return { name, level, message: `${what}: ${without}`, fix: fix ?? "run Linux 6.1 or newer" };
}
