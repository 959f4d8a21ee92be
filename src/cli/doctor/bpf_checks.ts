import { NotSupportedError } from "../../../lib/bpf/error.ts";
import { type Libbpf, openLibbpf } from "../../../lib/bpf/libbpf.ts";
import { attach, attachPerfEvent, type Link } from "../../../lib/bpf/link.ts";
import { type BpfObject, openObject } from "../../../lib/bpf/object.ts";
import { missingUprobes } from "../../../lib/bpf/uprobe.ts";
import { onlineCpus, openCpuClockEvent } from "../../../lib/sys/perf_event.ts";
import { HttpPrograms } from "../../agent/http/http_programs.ts";
import { NetworkSession } from "../../agent/network/network_session.ts";
import { setTargets } from "../../agent/profile/set_targets.ts";
import { builtFilePath, readBuiltFile } from "../built_file.ts";
import { type Check, passCheck } from "./check.ts";

interface Need {
  name: string;
  level: "limited" | "missing";
  /** What does not work without it. */
  without: string;
}

interface Hook extends Need {
  object: string;
  /** Sets what the agent sets: the kernel does not verify what a constant rules out. */
  configure?(object: BpfObject): void;
  /** Puts the object's program where the agent would. */
  attach(object: BpfObject): Link;
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
    configure: (object) => setTargets(object, [Deno.pid]),
    attach: (object) =>
      attachPerfEvent(object.program("on_cpu"), openCpuClockEvent(onlineCpus()[0] ?? 0, frequencyHz)),
    level: "limited",
    without: "no on-CPU profile can be taken",
  },
  {
    name: "scheduler events",
    object: "off_cpu",
    configure: (object) => setTargets(object, [Deno.pid]),
    attach: (object) => attach(object.program("off_cpu_switch")),
    level: "limited",
    without: "no off-CPU profile can be taken",
  },
];

const http: Need = { name: "HTTP", level: "limited", without: "no HTTP rule can be judged" };
const tls: Need = {
  name: "TLS",
  level: "limited",
  without: "what policies with tls: true ask for is not read",
};
const network: Need = { name: "network", level: "limited", without: "no network profile can be taken" };
const coarseNetwork: Check = {
  name: network.name,
  level: "limited",
  message: "the kernel has no socket events: network profiles tell TCP connections alone, without requests",
  fix: "use Linux 6.3 or newer where network profiles matter",
};
const slowHttp: Check = {
  name: http.name,
  level: "limited",
  message: "the kernel has no socket events: HTTP rules slow every system call of the host by about 90 ns",
  fix: "use Linux 6.3 or newer where HTTP rules matter",
};

/** Loads every BPF program of this build, puts it on its hook for a moment, and takes it off again. */
export async function checkBpf(): Promise<Check[]> {
  let libbpf: Libbpf;
  try {
    libbpf = openLibbpf(readBuiltFile("libbpf.so"), builtFilePath("libbpf.so"));
  } catch (error) {
    return [...hooks, http, tls, network].map((hook) => failCheck(hook, error));
  }
  // At once: each is verified on a thread of its own.
  const checks = await Promise.all([
    ...hooks.map((hook) => tryHook(libbpf, hook)),
    tryHttp(libbpf),
    tryNetwork(libbpf),
  ]);
  return checks.flat();
}

/**
 * The HTTP programs choose their hook by themselves; by system calls they cost every process of the host. Those for TLS
 * are verified with them, and put on libraries only where a policy wants it.
 */
async function tryHttp(libbpf: Libbpf): Promise<Check[]> {
  try {
    const programs = await HttpPrograms.open(libbpf, readBuiltFile("bpf/http.bpf.o"));
    await programs.close();
    const missing = missingUprobes(libbpf);
    return [
      programs.hook === "sockets"
        ? passCheck(http.name, "http.bpf.o loaded and attached to socket events")
        : slowHttp,
      missing === undefined
        ? passCheck(tls.name, "http.bpf.o loaded, for OpenSSL where a policy has tls: true")
        : failCheck(tls, missing),
    ];
  } catch (error) {
    return [failCheck(http, error), failCheck(tls, error)];
  }
}

/** The network programs do without the events of messages where the kernel has none. */
async function tryNetwork(libbpf: Libbpf): Promise<Check> {
  try {
    const session = await NetworkSession.open(libbpf, readBuiltFile("bpf/network.bpf.o"));
    await session.close();
    return session.seesMessages
      ? passCheck(network.name, "network.bpf.o loaded and attached to socket events")
      : coarseNetwork;
  } catch (error) {
    return failCheck(network, error);
  }
}

async function tryHook(libbpf: Libbpf, hook: Hook): Promise<Check> {
  const file = hook.object;
  try {
    const object = openObject(libbpf, readBuiltFile(`bpf/${file}.bpf.o`), { name: file });
    try {
      hook.configure?.(object);
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

function failCheck({ name, level, without }: Need, error: unknown): Check {
  if (error instanceof NotSupportedError) {
    return { name, level, message: `needs ${error.needs}: ${without}`, fix: error.fix };
  }
  const [what, fix] = (error instanceof Error ? error.message : String(error)).split("; ");
  return { name, level, message: `${what}: ${without}`, fix: fix ?? "run Linux 6.1 or newer" };
}
