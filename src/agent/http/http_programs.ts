import { FeatureProbe } from "../../../lib/bpf/feature.ts";
import type { Libbpf } from "../../../lib/bpf/libbpf.ts";
import { attach, type Link } from "../../../lib/bpf/link.ts";
import type { BpfMap } from "../../../lib/bpf/map.ts";
import { type BpfObject, openObject } from "../../../lib/bpf/object.ts";
import type { BpfProgram } from "../../../lib/bpf/program.ts";
import { RingBuffer } from "../../../lib/bpf/ring_buffer.ts";
import { missingUprobes } from "../../../lib/bpf/uprobe.ts";
import { layouts } from "../../gen/records.ts";
import type { TlsPrograms } from "../tls/tls_libraries.ts";
import { WatchTable, wordsOf } from "../watch_table.ts";

/** Where the programs look: at events of sockets, or at the end of each system call where the kernel has no such events. */
export type HttpHook = "sockets" | "calls";

const programsOfHook: Readonly<Record<HttpHook, readonly string[]>> = {
  sockets: ["http_receive", "http_send"],
  calls: ["http_call_end"],
};
const pendingOfHook = { sockets: "pending_of_sockets", calls: "pending_of_inodes" } as const;
const mapOfHook = { sockets: "sockets", calls: "sockets_by_inode" } as const;
const tlsPrograms = ["tls_enter", "tls_return"];
const tlsMaps = ["tls_threads", "tls_sessions"];
/** They keep the watch complete, so they are attached before the others. */
const lifePrograms = ["http_exit", "http_exec", "http_fork"];

/** The kernel's side of HTTP: its programs, attached once, and its maps. */
export class HttpPrograms {
  readonly hook: HttpHook;
  readonly object: BpfObject;
  /** Samples of requests, struct http_sample_event. */
  readonly samples: RingBuffer;
  /** The mapped array of struct http_process_value. */
  readonly processes: ArrayBuffer;
  /** The mapped array of struct http_counters_value. */
  readonly counters: ArrayBuffer;
  /** For {@linkcode attachToProcess}: writes struct http_pending_event. */
  readonly pendingProgram: BpfProgram;
  /** What reads plaintext, to be attached to libraries; undefined where the kernel cannot. */
  readonly tls: (TlsPrograms & { readonly sessions: BpfMap }) | undefined;
  readonly #generation: Uint32Array<ArrayBuffer>;
  readonly #pendingFiles: Uint32Array<ArrayBuffer>;
  readonly #pendingRoom: Uint32Array<ArrayBuffer>;
  readonly #watches: WatchTable;
  #links: Link[] = [];

  private constructor(object: BpfObject, hook: HttpHook, readsTls: boolean) {
    this.object = object;
    this.hook = hook;
    this.processes = object.map("processes").memory().buffer;
    this.counters = object.map("counters").memory().buffer;
    this.pendingProgram = object.program(pendingOfHook[hook]);
    this.#generation = wordsOf(object, "filter_generation");
    this.#pendingFiles = wordsOf(object, "pending_files");
    this.#pendingRoom = wordsOf(object, "pending_room");
    this.#watches = new WatchTable(object);
    this.samples = new RingBuffer(object.map("samples"));
    this.tls = readsTls
      ? {
        enter: object.program("tls_enter"),
        atReturn: object.program("tls_return"),
        sessions: object.map("tls_sessions"),
      }
      : undefined;
  }

  /**
   * Loads and attaches the programs, by the best hook of this kernel unless told.
   *
   * @throws {BpfError} when the kernel refuses; nothing stays loaded then.
   */
  static async open(
    libbpf: Libbpf,
    program: Uint8Array<ArrayBuffer>,
    hook: HttpHook = bestHook(libbpf),
  ): Promise<HttpPrograms> {
    const object = openObject(libbpf, program, { name: "http", layouts });
    const readsTls = missingUprobes(libbpf) === undefined;
    try {
      const other = hook === "sockets" ? "calls" : "sockets";
      for (const name of [...programsOfHook[other], pendingOfHook[other]]) object.setAutoload(name, false);
      object.setAutocreate(mapOfHook[other], false);
      for (const name of tlsPrograms) object.setAutoload(name, readsTls);
      for (const name of tlsMaps) object.setAutocreate(name, readsTls);
      await object.load();
    } catch (error) {
      object.close();
      throw error;
    }
    const programs = new HttpPrograms(object, hook, readsTls);
    try {
      for (const name of [...lifePrograms, ...programsOfHook[hook]]) {
        programs.#links.push(attach(object.program(name)));
      }
      return programs;
    } catch (error) {
      await programs.close();
      throw error;
    }
  }

  /** Has the process with this id in the host's pid namespace counted under `number`. @throws {BpfError} when the map is full. */
  watch(tgid: number, number: number): void {
    this.#watches.watch(tgid, number);
  }

  /** Ends what `watch` began. */
  unwatch(tgid: number): void {
    this.#watches.unwatch(tgid);
  }

  /** How often counters of URI filters were given away. */
  get generation(): number {
    return this.#generation[0]!;
  }

  /** Says that counters of URI filters were given away: requests that began before are not counted in them. */
  outdateFilters(): void {
    Atomics.add(this.#generation, 0, 1);
  }

  /** Lets readings of requests in flight visit so many files before they pause. */
  setPendingFiles(files: number): void {
    this.#pendingFiles[0] = files;
  }

  /** Lets the next reading of requests in flight write so many records. */
  setPendingRoom(records: number): void {
    this.#pendingRoom[0] = records;
  }

  /** Takes the programs off their hooks and frees everything. */
  async close(): Promise<void> {
    const links = this.#links;
    this.#links = [];
    for (const link of links.reverse()) await link.close();
    this.samples.close();
    this.object.close();
  }
}

function bestHook(libbpf: Libbpf): HttpHook {
  const probe = new FeatureProbe(libbpf);
  const missing = ["sock_send_length", "sock_recv_length"].some((name) =>
    probe.missingTracepoint(name) !== undefined
  );
  return missing ? "calls" : "sockets";
}
