import { attachPerfEvent, type Link } from "../../lib/bpf/link.ts";
import { onlineCpus, openCpuClockEvent } from "../../lib/sys/perf_event.ts";
import { decodeSampleKey, layouts } from "../../src/gen/records.ts";
import { StackReader } from "../../src/agent/profile/stack_reader.ts";
import { configurePython, setPythons } from "../../src/agent/python/configure_python.ts";
import { findPythons } from "../../src/agent/python/find_pythons.ts";
import type { PythonFrame } from "../../src/agent/python/python_codes.ts";
import { openBuilt, sleep } from "./harness.ts";

const maxWaits = 40;

/** What a thread was seen in, root first, and how often. */
export interface PythonStack {
  readonly frames: readonly PythonFrame[];
  readonly tid: number;
  readonly weight: number;
}

/** All that was seen of one process. */
export interface SampledPython {
  readonly stacks: readonly PythonStack[];
  /** What the task's message would say. */
  readonly missing: readonly string[];
  readonly truncated: number;
}

/** Samples the Python frames of a process for some time, without tables for its native ones. */
export async function samplePython(
  pid: number,
  { milliseconds, frequencyHz }: { milliseconds: number; frequencyHz: number },
): Promise<SampledPython> {
  const { processes, notes } = await findPythons([pid]);
  const object = openBuilt("on_cpu");
  const links: Link[] = [];
  try {
    object.setRodata("targets", new Uint8Array(Uint32Array.of(pid, 0).buffer));
    object.setRodata("pid_namespace_inode", BigInt(Deno.statSync("/proc/self/ns/pid").ino!));
    object.setRodata("hash_seed", crypto.getRandomValues(new BigUint64Array(1))[0]!);
    configurePython(object, processes.length > 0);
    await object.load();
    setPythons(object, processes);
    const reader = new StackReader(object);
    for (const cpu of onlineCpus()) {
      links.push(attachPerfEvent(object.program("on_cpu"), openCpuClockEvent(cpu, frequencyHz)));
    }
    await sleep(milliseconds);
    // On a busy machine it may not have run yet.
    const samples = object.map("samples");
    for (let more = 0; more < maxWaits && samples.readBatch().count === 0; more++) await sleep(100);
    for (const link of links.splice(0)) await link.close();
    const { count, keys, values } = samples.readBatch();
    reader.drain();
    const keyView = new DataView(keys.buffer);
    const valueView = new DataView(values.buffer);
    const stacks = Array.from({ length: count }, (_, index) => {
      const key = decodeSampleKey(keyView, index * layouts.sample_key.size);
      return {
        frames: reader.pair(key.userHash, key.kernelHash).python.toReversed(),
        tid: key.tid,
        weight: Number(valueView.getBigUint64(8 * index, true)),
      };
    });
    const loss = reader.explainPythonLoss();
    const { truncated } = reader.counters();
    reader.close();
    return { stacks, missing: loss === "" ? notes : [...notes, loss], truncated };
  } finally {
    for (const link of links) await link.close();
    object.close();
  }
}

/** How often any of these was seen. */
export function sumWeights(stacks: readonly PythonStack[]): number {
  return stacks.reduce((sum, { weight }) => sum + weight, 0);
}

/** Names of a stack's functions, root first. */
export function namesOf({ frames }: PythonStack): string[] {
  return frames.map(({ function: name }) => name);
}
