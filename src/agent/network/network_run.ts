import { BpfError } from "../../../lib/bpf/error.ts";
import type { Logger } from "../../../lib/log.ts";
import type { KernelClock } from "../../../lib/sys/kernel_clock.ts";
import type { NetworkChunk } from "../../gen/stakeout/v1/network_pb.ts";
import { decodeNetworkDnsEvent, layouts } from "../../gen/records.ts";
import type { LossCounts } from "../../model/profile.ts";
import type { Process } from "../../model/process.ts";
import type { Task } from "../../model/task.ts";
import type { LiveProcess } from "../discovery.ts";
import type { ChunkSink, ProfileOutcome, ProfileProgress, RunControl } from "../profile/profiler.ts";
import { sleepUntil } from "../sleep_until.ts";
import { ChunkWriter } from "./chunk_writer.ts";
import { Coverage } from "./coverage.ts";
import { DnsNames } from "./dns_names.ts";
import { EdgeBook } from "./edge_book.ts";
import { EdgeCounts } from "./edge_counts.ts";
import { listLimits } from "./limits.ts";
import { LossCursor } from "./network_loss.ts";
import { NetworkSamples } from "./network_samples.ts";
import type { Listener, NetworkSession } from "./network_session.ts";
import { PathBook } from "./path_book.ts";
import { TrafficReader } from "./traffic_reader.ts";

const chunkSeconds = 5;
const answerDeadlineNs = 5e9;
/** Samples a second; of slow and of failed requests each. */
const normalSamples = 4;
const otherSamples = 12;
const repeatEvery = 12;
/** A look at all open files of the host that took long is not repeated before so many times that: 2 % of a core. */
const restFactor = 50;
const leastRestMs = 5_000;

/** Values of enum network_record in bpf/network.h. */
const pathRecord = 1;
const sampleRecord = 2;
const sampleEndRecord = 3;
const dnsRecord = 4;

/** What a network profile needs of its surroundings. */
export interface NetworkOptions {
  /** Loads and attaches the BPF programs; the profiler closes the session. */
  readonly openSession: () => Promise<NetworkSession>;
  /** All user processes of the host, as they are now. */
  readonly processes: () => Iterable<LiveProcess>;
  /** False once this very process (not just its pid) is gone. */
  readonly isAlive: (process: Process) => boolean;
  readonly clock: KernelClock;
  readonly logger: Logger;
  readonly onProgress?: (progress: ProfileProgress, task: Task) => void;
}

/** The state of one network profile: reads every second, hands over a chunk every five. */
export class NetworkRun {
  readonly #task: Task;
  readonly #session: NetworkSession;
  readonly #sink: ChunkSink<NetworkChunk>;
  readonly #options: NetworkOptions;
  readonly #writer: ChunkWriter;
  readonly #coverage: Coverage;
  readonly #book: EdgeBook;
  readonly #reader: TrafficReader;
  readonly #paths: PathBook;
  readonly #samples: NetworkSamples;
  readonly #names = new DnsNames();
  readonly #losses: LossCursor;
  #byTgid: ReadonlyMap<number, LiveProcess> = new Map();
  #knownBefore: ReadonlyMap<number, LiveProcess> = new Map();
  #listeners: readonly Listener[] = [];
  #listenersNotBeforeMs = 0;
  readonly #bytesByEdge = new Map<number, number>();
  #chunks = 0;
  #messages = 0;
  #storedMessages = 0;
  #problem = "";
  #limits: readonly string[] = [];
  #emitting: Promise<void> = Promise.resolve();

  constructor(task: Task, session: NetworkSession, sink: ChunkSink<NetworkChunk>, options: NetworkOptions) {
    this.#task = task;
    this.#session = session;
    this.#sink = sink;
    this.#options = options;
    this.#writer = new ChunkWriter(task.id);
    this.#coverage = new Coverage(session, {
      processes: options.processes,
      targets: task.processes,
      onCovered: (live) => this.#book.learnCovered(live),
    });
    this.#book = new EdgeBook({
      edges: session.edges,
      covered: (number) => this.#coverage.process(number),
      byTgid: (tgid) => this.#byTgid.get(tgid),
    });
    this.#reader = new TrafficReader(session, (edge) => this.#book.number(edge));
    this.#paths = new PathBook(session.counters);
    this.#samples = new NetworkSamples({
      edgeOf: (edge) => this.#book.number(edge),
      pathOf: (counters) => this.#paths.text(counters),
      unixUs: (atBootNs) => options.clock.unixUs(atBootNs),
    });
    this.#losses = new LossCursor(session.losses);
  }

  async untilEnd(control: RunControl): Promise<ProfileOutcome> {
    const { clock } = this.#options;
    this.#readListeners();
    await this.#coverage.update();
    const startNs = clock.bootNs();
    let chunkStartSecond = 0;
    let second = 0;
    let state: ProfileOutcome["state"] | undefined;
    while (state === undefined) {
      this.#session.setSampleRoom([normalSamples, otherSamples, otherSamples]);
      await sleepUntil(startNs + (second + 1) * 1e9, clock, control.signal);
      state = this.#endState(second + 1, control);
      if (state === undefined) await this.#coverage.update();
      else await this.#session.detach();
      this.#readSecond(second - chunkStartSecond, state !== undefined);
      // A stalled event loop skips seconds rather than shifting all later ones.
      const elapsed = Math.max(second + 1, Math.floor((clock.bootNs() - startNs) / 1e9));
      if (state !== undefined || elapsed - chunkStartSecond >= chunkSeconds) {
        const startUnixMs = clock.unixMs(startNs + chunkStartSecond * 1e9);
        this.#finishChunk(startUnixMs, elapsed - chunkStartSecond, state !== undefined);
        chunkStartSecond = elapsed;
      }
      this.#options.onProgress?.(this.#progress(elapsed), this.#task);
      second = elapsed;
    }
    const endedAtBootNs = clock.bootNs();
    await this.#emitting;
    return { state, message: this.#problem, loss: this.#lossCounts(), endedAtBootNs };
  }

  #endState(elapsedSeconds: number, control: RunControl): ProfileOutcome["state"] | undefined {
    if (control.signal.aborted) return "stopped";
    if (elapsedSeconds >= control.durationSeconds) return "done";
    if (!this.#task.processes.some((process) => this.#options.isAlive(process))) return "target_exited";
    return undefined;
  }

  #readSecond(second: number, last: boolean): void {
    const atBootNs = this.#options.clock.bootNs();
    try {
      this.#session.readSockets();
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      this.#problem = `Round trip times are missing: ${error.message}`;
    }
    this.#learnProcesses();
    this.#book.nextSecond(last);
    this.#session.drain((view, at, kind) => this.#takeRecord(view, at, kind));
    const traffic = this.#reader.read();
    this.#takeLostQueries(traffic, last ? Infinity : atBootNs - answerDeadlineNs);
    this.#book.resolve(this.#listeners);
    if (this.#book.wantsListeners && (last || performance.now() >= this.#listenersNotBeforeMs)) {
      this.#readListeners();
      this.#book.resolve(this.#listeners);
    }
    for (const [edge, counts] of traffic) {
      this.#messages += counts.messages;
      this.#bytesByEdge.set(edge, (this.#bytesByEdge.get(edge) ?? 0) + counts.bytes);
      const fits = this.#writer.add("traffic", counts.toMessage(edge, second));
      if (fits) this.#storedMessages += counts.messages;
    }
    const paths = this.#paths.read(second, (edge) => this.#book.number(edge));
    for (const path of paths.paths) this.#writer.add("paths", path);
    for (const row of paths.traffic) this.#writer.add("pathTraffic", row);
    for (const row of this.#samples.take(atBootNs, last)) this.#writer.add("samples", row);
  }

  /** Those that ended a moment ago are remembered: their connections are read after them. */
  #learnProcesses(): void {
    const now = new Map<number, LiveProcess>();
    for (const live of this.#options.processes()) now.set(live.row.tgid, live);
    this.#byTgid = new Map([...this.#knownBefore, ...now]);
    this.#knownBefore = now;
  }

  #takeRecord(view: DataView<ArrayBuffer>, at: number, kind: number): void {
    switch (kind) {
      case pathRecord:
        return this.#paths.take(view, at);
      case sampleRecord:
        return this.#samples.begin(view, at);
      case sampleEndRecord:
        return this.#samples.end(view, at);
      case dnsRecord: {
        const { edge, latencyNs, code, questionBytes } = decodeNetworkDnsEvent(view, at);
        const start = view.byteOffset + at + layouts.network_dns_event.offsets.question;
        const question = new Uint8Array(view.buffer, start, Math.min(questionBytes, 256));
        this.#names.addAnswer(this.#book.number(edge), question, latencyNs, code);
      }
    }
  }

  #takeLostQueries(traffic: Map<number, EdgeCounts>, beforeBootNs: number): void {
    for (const { edge: kernelEdge, question } of this.#session.takeLostQueries(beforeBootNs)) {
      const edge = this.#book.number(kernelEdge);
      this.#names.addTimeout(edge, question);
      const counts = traffic.get(edge) ?? new EdgeCounts();
      counts.dnsTimeouts++;
      traffic.set(edge, counts);
    }
  }

  #readListeners(): void {
    const startMs = performance.now();
    try {
      this.#listeners = this.#session.readListeners();
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      this.#options.logger.warn("Servers on this host cannot be told", { error });
    }
    const tookMs = performance.now() - startMs;
    this.#listenersNotBeforeMs = startMs + Math.max(leastRestMs, restFactor * tookMs);
  }

  /** Hands over what was collected, after the chunks before it, so that a slow sink never delays the next read. */
  #finishChunk(startUnixMs: number, seconds: number, last: boolean): void {
    const { processes, edges } = this.#book.takeUnsaid();
    for (const process of processes) this.#writer.add("processes", process);
    for (const edge of edges) this.#writer.add("edges", edge);
    if (this.#chunks > 0 && this.#chunks % repeatEvery === 0) {
      for (const path of this.#paths.values()) this.#writer.add("paths", path);
    }
    for (const row of this.#names.take()) this.#writer.add("dns", row);
    const limits = listLimits({
      refusedProcesses: this.#coverage.refused,
      seesMessages: this.#session.seesMessages,
    });
    const changed = this.#chunks++ === 0 || limits.join() !== this.#limits.join();
    this.#limits = limits;
    const loss = this.#losses.take();
    const chunks = this.#writer.finish({ startUnixMs, seconds, loss, limits: changed ? limits : [], last });
    this.#emitting = this.#emitting.then(async () => {
      for (const chunk of chunks) await this.#sink(chunk);
    });
    this.#emitting.catch(() => {});
  }

  /** In messages: reads and writes of streams, and datagrams. */
  #lossCounts(): LossCounts {
    const lostKernel = this.#losses.untrackedMessages;
    return {
      taken: this.#messages + lostKernel,
      stored: this.#storedMessages,
      lostKernel,
      lostAgent: this.#messages - this.#storedMessages,
      truncated: 0,
    };
  }

  #progress(elapsedSeconds: number): ProfileProgress {
    const edges = [...this.#bytesByEdge].sort((one, other) => other[1] - one[1]);
    const whole = Math.max(1, edges.reduce((sum, [, bytes]) => sum + bytes, 0));
    const top = edges.slice(0, 5)
      .map(([edge, bytes]) => ({ name: this.#book.describe(edge), share: bytes / whole }));
    return { elapsedSeconds, loss: this.#lossCounts(), top };
  }
}
