import { attachPerfEvent } from "../../lib/bpf/link.ts";
import { openObject } from "../../lib/bpf/object.ts";
import { RingBuffer } from "../../lib/bpf/ring_buffer.ts";
import { createLogger } from "../../lib/log.ts";
import { readMapsText } from "../../lib/procfs/maps.ts";
import { onlineCpus } from "../../lib/sys/perf_event.ts";
import { repositoryRoot } from "../../scripts/command.ts";
import { StackEnd } from "../../src/gen/stakeout/v1/profile_pb.ts";
import { StackReader } from "../../src/agent/profile/stack_reader.ts";
import { TableBuilder } from "../../src/agent/unwind/table_builder.ts";
import { TableStore } from "../../src/agent/unwind/table_store.ts";
import type { UnwindTables } from "../../src/agent/unwind/unwind_tables.ts";
import { UserUnwinder } from "../../src/agent/unwind/user_unwinder.ts";
import { openPerfEvent, perfAttribute, PerfRing, type PerfSample } from "../support/perf_ring.ts";
import { placeInFile, unwindWithPerf } from "../support/perf_script.ts";
import { compileTestBpf, libbpf, sleep } from "./harness.ts";

/** Command of the table child, from source. */
export const tableChild = [
  ...[Deno.execPath(), "run", "-A", "--no-prompt", "--v8-flags=--max-old-space-size=256"],
  `${repositoryRoot}/main.ts`,
  "table-child",
];
/** Both see the interrupt within so long. */
const sameInterruptNs = 300_000n;
const ringPages = 4096;

/** One interrupt as two unwinders saw it: places in files, leaf first. */
export interface Compared {
  readonly ours: readonly string[];
  readonly perfs: readonly string[];
  readonly end: StackEnd;
}

/**
 * perf's walk ends where its copy of the stack does, and the copy begins at rsp, below which some hand-written code keeps what
 * its caller is found by; there is no telling then. Ours went on from the same frames and found the end.
 */
export function didPerfGiveUp({ ours, perfs, end }: Compared): boolean {
  return end === StackEnd.WHOLE && perfs.length < ours.length &&
    perfs.every((place, frame) => place === ours[frame]);
}

/** Both found the same frames. */
export function isEqual({ ours, perfs }: Compared): boolean {
  return ours.length === perfs.length && ours.every((place, frame) => place === perfs[frame]);
}

/** The tables of a test, and the child that compiles them. */
export class TestTables implements UnwindTables, AsyncDisposable {
  readonly logger = createLogger({ format: "logfmt", level: "warn" });
  readonly store = new TableStore(libbpf);
  readonly builder = new TableBuilder({ command: tableChild, store: this.store, logger: this.logger });
  readonly waitMs = 30_000;

  async [Symbol.asyncDispose]() {
    await this.builder.close();
    this.store.close();
  }
}

/**
 * Samples a process, once its tables are there, until so many stacks came or the time is over, and has perf unwind the same
 * samples.
 */
export async function compareWithPerf(
  pid: number,
  tables: UnwindTables,
  options: { stacks: number; frequencyHz?: number; limitMs?: number },
): Promise<Compared[]> {
  const attribute = perfAttribute(options.frequencyHz ?? 499, 32_768);
  const object = openObject(libbpf, await compileTestBpf("unwind_oracle"), { name: "unwind_oracle" });
  object.setRodata("targets", new Uint8Array(new Uint32Array([pid, 0]).buffer));
  object.setRodata("pid_namespace_inode", BigInt(Deno.statSync("/proc/self/ns/pid").ino!));
  await object.load();
  const unwinder = new UserUnwinder(object, [pid], tables);
  const reader = new StackReader(object);
  const walked = new RingBuffer(object.map("walked"));
  const walks: { timeNs: bigint; tid: number; hash: bigint }[] = [];
  const samples: PerfSample[] = [];
  const rings: PerfRing[] = [];
  const links = [];
  function drain(): void {
    for (const ring of rings) samples.push(...ring.drain());
    walked.drain((view, at) => {
      walks.push({
        ...{ timeNs: view.getBigUint64(at, true), tid: view.getUint32(at + 8, true) },
        hash: view.getBigUint64(at + 16, true),
      });
    });
    reader.drain();
  }
  try {
    await unwinder.start();
    for (const cpu of onlineCpus()) {
      const fd = openPerfEvent(attribute, cpu);
      rings.push(new PerfRing(fd, ringPages));
      links.push(attachPerfEvent(object.program("sample"), fd));
    }
    const until = performance.now() + (options.limitMs ?? 15_000);
    for (let turn = 1; performance.now() < until && walks.length < options.stacks; turn++) {
      await sleep(50);
      drain();
      if (turn % 20 === 0) unwinder.refresh();
    }
    const maps = await readMapsText(pid);
    for (const link of links) await link.close();
    drain();
    const perfs = await unwindWithPerf(samples, { pid, attribute, maps });
    return join(walks, samples, perfs, (hash) => {
      const { user, end } = reader.pair(hash, 0n);
      const frames = [...user].map((address): [string, string] => [
        placeInFile(address, maps),
        placeInFile(address - 1n, maps),
      ]);
      return { frames, end };
    });
  } finally {
    for (const link of links) await link.close();
    for (const ring of rings) ring.close();
    walked.close();
    reader.close();
    unwinder.close();
    object.close();
  }
}

function join(
  walks: readonly { timeNs: bigint; tid: number; hash: bigint }[],
  samples: readonly PerfSample[],
  perfs: readonly string[][],
  stackOf: (hash: bigint) => { frames: [string, string][]; end: StackEnd },
): Compared[] {
  const compared: Compared[] = [];
  for (const { timeNs, tid, hash } of walks) {
    // Older kernels stamp perf's sample after the program has run, newer ones before.
    const index = samples.findIndex((sample) =>
      sample.tid === tid && sample.timeNs - timeNs < sameInterruptNs &&
      timeNs - sample.timeNs < sameInterruptNs
    );
    if (index >= 0) {
      const theirs = perfs[index]!;
      // Whether perf means the address or the call before it, it is the same frame.
      const { frames, end } = stackOf(hash);
      const ours = frames.map(([place, call], frame) => theirs[frame] === call ? call : place);
      compared.push({ ours, perfs: theirs, end });
    }
  }
  return compared;
}
