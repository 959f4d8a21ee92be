import { BpfError } from "../../../lib/bpf/error.ts";
import { FeatureProbe } from "../../../lib/bpf/feature.ts";
import { BpfIterator } from "../../../lib/bpf/iterator.ts";
import type { Libbpf } from "../../../lib/bpf/libbpf.ts";
import { attach, attachToMap, attachToProcess, type Link } from "../../../lib/bpf/link.ts";
import { type BpfObject, openObject } from "../../../lib/bpf/object.ts";
import { RingBuffer } from "../../../lib/bpf/ring_buffer.ts";
import { layouts } from "../../gen/records.ts";
import { WatchTable, wordsOf } from "../watch_table.ts";

/** They keep the watch complete, so they are attached before the others. */
const lifePrograms = ["network_exit", "network_exec", "network_fork"];
const tcpPrograms = ["network_reset_received", "network_reset_sent", "network_state"];
const messagePrograms = ["network_receive", "network_send"];
const messageEvents = ["sock_send_length", "sock_recv_length"];
/** Values of `adoption` in bpf/network_maps.bpf.h. */
const adoptListening = 1;
const adoptOthers = 2;

const listener = layouts.network_listener_event;
const query = layouts.network_query_value;

/** A socket of the host that listens. */
export interface Listener {
  /** Of its process, in the host's pid namespace. */
  readonly tgid: number;
  readonly networkNamespace: number;
  readonly port: number;
}

/** A query of DNS that nobody answered. */
export interface LostQuery {
  readonly edge: number;
  readonly question: Uint8Array<ArrayBuffer>;
}

/**
 * The kernel's side of one network profile: its programs on their hooks, and their maps.
 *
 * Shape: edges and counters are mapped arrays of cumulative counts; what has no fixed place comes through a ring.
 * Limits: 4,095 edges, 8,191 blocks of counters, 8,192 processes, 4,096 unanswered queries of DNS.
 * Loss: `losses`, by enum network_loss.
 */
export class NetworkSession {
  readonly #object: BpfObject;
  readonly #watches: WatchTable;
  readonly #ring: RingBuffer;
  readonly #edgesUsed: Uint32Array<ArrayBuffer>;
  readonly #adoption: Uint32Array<ArrayBuffer>;
  readonly #sampleRoom: Int32Array<ArrayBuffer>;
  readonly #links: Link[] = [];
  #sockets: { link: Link; iterator: BpfIterator } | undefined;
  #listeners: { link: Link; iterator: BpfIterator } | undefined;
  /** The mapped array of struct network_edge_value. */
  readonly edges: ArrayBuffer;
  /** The mapped array of struct http_counters_value. */
  readonly counters: ArrayBuffer;
  /** What could not be told since the start, by enum network_loss. */
  readonly losses: BigUint64Array<ArrayBuffer>;

  /** Whether reads and writes are seen, and with them requests, UDP and Unix sockets; else it is TCP's own counts alone. */
  readonly seesMessages: boolean;

  private constructor(object: BpfObject, seesMessages: boolean) {
    this.#object = object;
    this.seesMessages = seesMessages;
    this.#watches = new WatchTable(object);
    this.#ring = new RingBuffer(object.map("events"));
    this.#edgesUsed = wordsOf(object, "edges_used");
    this.#adoption = wordsOf(object, "adoption");
    this.#sampleRoom = new Int32Array(
      wordsOf(object, "sample_room").buffer,
      ...placeOf(object, "sample_room"),
    );
    this.edges = object.map("edges").memory().buffer;
    this.counters = object.map("counters").memory().buffer;
    const { buffer, byteOffset, byteLength } = object.variable("losses");
    this.losses = new BigUint64Array(buffer, byteOffset, byteLength / 8);
  }

  /**
   * Loads and attaches the programs. Nothing is counted before a process is covered.
   *
   * @param seesMessages For tests: what the kernel has, unless told.
   * @throws {BpfError} or {@linkcode NotSupportedError} when this host cannot; nothing stays loaded then.
   */
  static async open(
    libbpf: Libbpf,
    program: Uint8Array<ArrayBuffer>,
    seesMessages: boolean = hasMessageHook(libbpf),
  ): Promise<NetworkSession> {
    const object = openObject(libbpf, program, { name: "network", layouts });
    try {
      object.setRodata("pid_namespace_inode", Deno.statSync("/proc/self/ns/pid").ino ?? 0);
      object.setRodata("counts_segments", seesMessages ? 0 : 1);
      for (const name of messagePrograms) object.setAutoload(name, seesMessages);
      await object.load();
    } catch (error) {
      object.close();
      throw error;
    }
    const session = new NetworkSession(object, seesMessages);
    try {
      for (const name of [...lifePrograms, ...tcpPrograms, ...seesMessages ? messagePrograms : []]) {
        session.#links.push(attach(object.program(name)));
      }
      const link = attachToMap(object.program("read_sockets"), object.map("sockets"));
      session.#sockets = { link, iterator: new BpfIterator(link) };
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /** How many edges there are; their indexes count from 1. One that is just being made has number 0. */
  get edgeCount(): number {
    return Math.min(this.#edgesUsed[0]!, this.edges.byteLength / layouts.network_edge_value.size - 1);
  }

  /**
   * Counts a process from now on, with the connections it has; both of its ids must be the same process's.
   *
   * @throws {BpfError} E2BIG when there is no room, ESRCH when it is gone.
   */
  async cover(pid: number, tgid: number, number: number): Promise<void> {
    this.#watches.watch(tgid, number);
    const link = attachToProcess(this.#object.program("adopt_sockets"), pid);
    try {
      const iterator = new BpfIterator(link);
      for (const pass of [adoptListening, adoptOthers]) {
        this.#adoption[0] = pass;
        iterator.read();
      }
    } finally {
      await link.close();
    }
  }

  /** Ends `cover`. What its connections were counted under stays. */
  uncover(tgid: number): void {
    this.#watches.unwatch(tgid);
  }

  /** Has round trip times, segments sent again and quiet responses of all connections counted now. @throws {BpfError} */
  readSockets(): void {
    this.#sockets?.iterator.read();
  }

  /** Learns who holds which end of the host's connections, and returns who listens. A look at every open file. @throws {BpfError} */
  readListeners(): Listener[] {
    if (this.#listeners === undefined) {
      const link = attach(this.#object.program("list_sockets"));
      this.#listeners = { link, iterator: new BpfIterator(link) };
    }
    const records = this.#listeners.iterator.read();
    const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
    const { size, offsets } = listener;
    return Array.from({ length: Math.floor(records.length / size) }, (_, index) => ({
      tgid: view.getUint32(index * size + offsets.tgid, true),
      networkNamespace: view.getUint32(index * size + offsets.network_namespace, true),
      port: view.getUint16(index * size + offsets.port, true),
    }));
  }

  /** Hands over the records of the ring: `kind` (enum network_record) is their first 4 bytes. */
  drain(onRecord: (view: DataView<ArrayBuffer>, at: number, kind: number) => void): void {
    this.#ring.drain((view, at) => onRecord(view, at, view.getUint32(at, true)));
  }

  /** Lets so many samples be taken until the next call, by enum sample_reason. */
  setSampleRoom(room: readonly [normal: number, slow: number, failed: number]): void {
    for (const [index, samples] of room.entries()) Atomics.store(this.#sampleRoom, index + 1, samples);
  }

  /** Forgets queries of DNS that began before `beforeBootNs`, and returns them. @throws {BpfError} */
  takeLostQueries(beforeBootNs: number): LostQuery[] {
    const map = this.#object.map("queries");
    const { count, keys, values } = map.readBatch();
    const view = new DataView(values.buffer);
    const lost: LostQuery[] = [];
    for (let index = 0; index < count; index++) {
      const at = index * map.valueBytes;
      const begun = Number(view.getBigUint64(at + query.offsets.started_boot_ns, true));
      const key = keys.slice(index * map.keyBytes, (index + 1) * map.keyBytes);
      // An answer may have come meanwhile.
      if (begun >= beforeBootNs || !map.delete(key)) continue;
      const bytes = view.getUint32(at + query.offsets.question_bytes, true);
      const start = at + query.offsets.question;
      lost.push({
        edge: view.getUint32(at + query.offsets.edge, true),
        question: values.slice(start, start + bytes),
      });
    }
    return lost;
  }

  /** Stops counting; what is in the maps and the ring stays to be read. */
  async detach(): Promise<void> {
    for (const link of this.#links.splice(0).reverse()) await link.close();
  }

  /** Detaches and frees everything. */
  async close(): Promise<void> {
    await this.detach();
    await this.#sockets?.link.close();
    await this.#listeners?.link.close();
    this.#sockets = this.#listeners = undefined;
    this.#ring.close();
    this.#object.close();
  }
}

/** Whether the kernel has events of messages: Linux 6.3 and newer. */
function hasMessageHook(libbpf: Libbpf): boolean {
  const probe = new FeatureProbe(libbpf);
  return messageEvents.every((name) => probe.missingTracepoint(name) === undefined);
}

/** True for an error that only says that a process is gone. */
export function isGone(error: unknown): boolean {
  return error instanceof BpfError && error.errno === "ESRCH";
}

function placeOf(object: BpfObject, variable: string): [byteOffset: number, length: number] {
  const { byteOffset, byteLength } = object.variable(variable);
  return [byteOffset, byteLength / 4];
}
