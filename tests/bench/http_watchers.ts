import { openLibbpf } from "../../lib/bpf/libbpf.ts";
import { attach, type Link } from "../../lib/bpf/link.ts";
import type { BpfObject } from "../../lib/bpf/object.ts";
import { openObject } from "../../lib/bpf/object.ts";
import { Poller } from "../../lib/bpf/poller.ts";
import type { BpfProgram } from "../../lib/bpf/program.ts";
import { RingBuffer } from "../../lib/bpf/ring_buffer.ts";
import { readProgramStats } from "../../lib/bpf/stats.ts";
import { compileBpf } from "../../scripts/build_bpf.ts";
import { repositoryRoot } from "../../scripts/command.ts";
import { HttpPlaces } from "../../src/agent/http/http_places.ts";
import { HttpPrograms } from "../../src/agent/http/http_programs.ts";
import { sampleShift, samplesPerSecond } from "../../src/agent/http/sample_shift.ts";

/** For what else reads of the kernel beside a watcher. */
export const libbpf = openLibbpf(Deno.readFileSync(`${repositoryRoot}/build/libbpf.so`));
const drainMs = 2;
const statusAt = 24 + 9;

/** Something that watches the HTTP of one process and counts its requests. */
export interface HttpWatcher extends AsyncDisposable {
  /** Requests counted so far. */
  requests(): number;
  /** Time of its programs on sockets so far, in whatever process, while the kernel takes it. */
  runTimeNs(): number;
}

/** Our programs, with one process watched as a server; samples are taken as of one with so many requests a second. */
export async function openWatch(pid: number, perSecond: number) {
  const object = Deno.readFileSync(`${repositoryRoot}/build/bpf/http.bpf.o`);
  const programs = await HttpPrograms.open(libbpf, object, "sockets");
  const places = new HttpPlaces(programs);
  const number = places.open()!;
  const cursor = places.openCounters(number, "server")!;
  places.setSampleShift(number, sampleShift(perSecond, samplesPerSecond));
  programs.watch(pid, number);
  return { programs, places, number, cursor };
}

/** Ours, as the agent has it: counted in the kernel. */
export async function watchInKernel(pid: number, perSecond: number): Promise<HttpWatcher> {
  const { programs, cursor } = await openWatch(pid, perSecond);
  let requests = 0;
  const timer = setInterval(() => {
    requests += cursor.read()?.requests ?? 0;
    programs.samples.drain(() => {});
  }, 1000);
  return {
    requests: () => requests += cursor.read()?.requests ?? 0,
    runTimeNs: () => runTimeOf(["http_send", "http_receive"].map((name) => programs.object.program(name))),
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await programs.close();
    },
  };
}

/** Compiles one of the bench's programs; returns the object's bytes. */
export async function buildWatcher(name: "http_pair" | "http_ship", folder: string) {
  const path = `${folder}/${name}.bpf.o`;
  await compileBpf(`${repositoryRoot}/tests/bench/programs/${name}.bpf.c`, path);
  return Deno.readFileSync(path);
}

/** The program that was there first: counted in the kernel as well, with nothing but requests, errors and their time. */
export async function watchByPairing(program: Uint8Array<ArrayBuffer>, pid: number): Promise<HttpWatcher> {
  const object = openObject(libbpf, program, { name: "http_pair" });
  await object.load();
  const watched = object.map("watched");
  const key = new Uint8Array(new Uint32Array([pid]).buffer);
  const values = new Uint8Array(watched.valueBytes);
  watched.update(key, values);
  const bits = longsOf(object, "watch_bits");
  bits[pid >>> 6 & 1023] = 1n << BigInt(pid & 63);
  const epoch = longsOf(object, "epoch");
  const { programs, close } = attachBoth(object, ["pair_receive", "pair_send"]);
  const read = () => {
    watched.lookup(key, values);
    epoch[0]!++;
    const longs = new BigUint64Array(values.buffer);
    const cpus = libbpf.symbols.libbpf_num_possible_cpus();
    return Array.from({ length: cpus }, (_, cpu) => Number(longs[cpu * longs.length / cpus]))
      .reduce((sum, requests) => sum + requests, 0);
  };
  const timer = setInterval(read, 1000);
  return {
    requests: read,
    runTimeNs: () => runTimeOf(programs),
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await close();
    },
  };
}

/** The alternative: the head of every message comes through a ring, by a wake-up for each, or drained every 2 ms without. */
export async function watchByShipping(
  program: Uint8Array<ArrayBuffer>,
  pid: number,
  wakes: boolean,
): Promise<HttpWatcher> {
  const object = openObject(libbpf, program, { name: "http_ship" });
  object.setRodata("target", pid);
  object.setRodata("wake_up", wakes ? 0 : 1);
  await object.load();
  const ring = new RingBuffer(object.map("ring"));
  const { programs, close } = attachBoth(object, ["ship_receive", "ship_send"]);
  const poller = new Poller();
  poller.add(object.map("ring").fd);
  const started = new Map<bigint, bigint>();
  const counts = { requests: 0, errors: 0 };
  let ended = false;
  const take = (view: DataView<ArrayBuffer>, at: number) => {
    const connection = view.getBigUint64(at + 8, true);
    if (view.getUint32(at + 16, true) === 0) started.set(connection, view.getBigUint64(at, true));
    else if (started.delete(connection)) {
      counts.requests++;
      if (view.getUint8(at + statusAt) >= 0x34) counts.errors++;
    }
  };
  const reading = (async () => {
    while (!ended) {
      if (wakes) await poller.wait(100);
      else await new Promise((resolve) => setTimeout(resolve, drainMs));
      ring.drain(take);
    }
  })();
  return {
    requests: () => counts.requests,
    runTimeNs: () => runTimeOf(programs),
    async [Symbol.asyncDispose]() {
      ended = true;
      await reading;
      await poller.close();
      ring.close();
      await close();
    },
  };
}

function attachBoth(object: BpfObject, names: readonly string[]) {
  const programs = names.map((name) => object.program(name));
  const links: Link[] = programs.map((program) => attach(program));
  return {
    programs,
    async close() {
      for (const link of links) await link.close();
      object.close();
    },
  };
}

function runTimeOf(programs: readonly BpfProgram[]): number {
  return programs.reduce((sum, { fd }) => sum + readProgramStats(libbpf, fd).runTimeNs, 0);
}

function longsOf(object: BpfObject, variable: string): BigUint64Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = object.variable(variable);
  return new BigUint64Array(buffer, byteOffset, byteLength / 8);
}
