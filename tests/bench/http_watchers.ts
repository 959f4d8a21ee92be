import { openLibbpf } from "../../lib/bpf/libbpf.ts";
import { attach, type Link } from "../../lib/bpf/link.ts";
import { openObject } from "../../lib/bpf/object.ts";
import { Poller } from "../../lib/bpf/poller.ts";
import { RingBuffer } from "../../lib/bpf/ring_buffer.ts";
import { compileBpf } from "../../scripts/build_bpf.ts";
import { repositoryRoot } from "../../scripts/command.ts";
import { HttpPlaces } from "../../src/agent/http/http_places.ts";
import { HttpPrograms } from "../../src/agent/http/http_programs.ts";

const libbpf = openLibbpf(Deno.readFileSync(`${repositoryRoot}/build/libbpf.so`));
const drainMs = 2;
const statusAt = 24 + 9;

/** Something that watches the HTTP of one process and counts its requests. */
export interface HttpWatcher extends AsyncDisposable {
  /** Requests counted so far. */
  requests(): number;
}

/** Our programs, with one process watched as a server; samples are taken as a busy process's are. */
export async function openWatch(pid: number) {
  const object = Deno.readFileSync(`${repositoryRoot}/build/bpf/http.bpf.o`);
  const programs = await HttpPrograms.open(libbpf, object, "sockets");
  const places = new HttpPlaces(programs);
  const number = places.open()!;
  const cursor = places.openCounters(number, "server")!;
  places.setSampleShift(number, 5);
  programs.watch(pid, number);
  return { programs, places, number, cursor };
}

/** Ours, as the agent has it: counted in the kernel. */
export async function watchInKernel(pid: number): Promise<HttpWatcher> {
  const { programs, cursor } = await openWatch(pid);
  let requests = 0;
  const timer = setInterval(() => {
    requests += cursor.read()?.requests ?? 0;
    programs.samples.drain(() => {});
  }, 1000);
  return {
    requests: () => requests += cursor.read()?.requests ?? 0,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await programs.close();
    },
  };
}

/** Compiles the program that sends heads; returns the object's path. */
export async function buildShipper(folder: string): Promise<string> {
  const path = `${folder}/http_ship.bpf.o`;
  await compileBpf(`${repositoryRoot}/tests/bench/programs/http_ship.bpf.c`, path);
  return path;
}

/** The alternative: the head of every message comes through a ring, by a wake-up for each, or drained every 2 ms without. */
export async function watchByShipping(path: string, pid: number, wakes: boolean): Promise<HttpWatcher> {
  const object = openObject(libbpf, Deno.readFileSync(path), { name: "http_ship" });
  object.setRodata("target", pid);
  object.setRodata("wake_up", wakes ? 0 : 1);
  await object.load();
  const ring = new RingBuffer(object.map("ring"));
  const links: Link[] = ["ship_receive", "ship_send"].map((name) => attach(object.program(name)));
  const poller = new Poller();
  poller.add(object.map("ring").fd);
  const started = new Map<bigint, bigint>();
  let [requests, errors, ended] = [0, 0, false];
  const take = (view: DataView<ArrayBuffer>, at: number) => {
    const connection = view.getBigUint64(at + 8, true);
    if (view.getUint32(at + 16, true) === 0) started.set(connection, view.getBigUint64(at, true));
    else if (started.delete(connection)) {
      requests++;
      if (view.getUint8(at + statusAt) >= 0x34) errors++;
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
    requests: () => requests + 0 * errors,
    async [Symbol.asyncDispose]() {
      ended = true;
      await reading;
      await poller.close();
      for (const link of links) await link.close();
      ring.close();
      object.close();
    },
  };
}
