import { create } from "@bufbuild/protobuf";
import { originForm } from "../../../lib/http1/origin_form.ts";
import {
  type NetworkPath,
  NetworkPathSchema,
  type NetworkPathTraffic,
  NetworkPathTrafficSchema,
} from "../../gen/stakeout/v1/network_pb.ts";
import { layouts } from "../../gen/records.ts";
import { CounterCursor } from "../http/counter_cursor.ts";
import type { HttpInterval } from "../http/http_interval.ts";
import { addInterval } from "./edge_counts.ts";
import { toRequests } from "./requests_message.ts";

/** Of one edge: a client chooses paths, and edges of the kernel that are one of ours have so many each. */
const maxPaths = 64;
const { size, offsets } = layouts.network_path_event;
const decoder = new TextDecoder();

interface KernelPath {
  readonly cursor: CounterCursor;
  readonly text: string;
  /** Of the kernel. */
  readonly edge: number;
  /** Undefined while the number of its edge is not known, null beyond the limit. */
  message: NetworkPath | null | undefined;
}

/** Knows the paths of requests, and reads what is counted of them. */
export class PathBook {
  readonly #memory: ArrayBuffer;
  /** By index of their counters. */
  readonly #kernelPaths = new Map<number, KernelPath>();
  /** By edge, then by text. */
  readonly #messages = new Map<number, Map<string, NetworkPath>>();
  #numbers = 0;

  /** @param memory The mapped array of struct http_counters_value. */
  constructor(memory: ArrayBuffer) {
    this.#memory = memory;
  }

  /** Text of the path that has these counters, `""` when it is not known. */
  text(counters: number): string {
    return this.#kernelPaths.get(counters)?.text ?? "";
  }

  /** All paths that have a number. */
  *values(): Generator<NetworkPath> {
    for (const paths of this.#messages.values()) yield* paths.values();
  }

  /** Takes a struct network_path_event. */
  take(view: DataView<ArrayBuffer>, at: number): void {
    const counters = view.getUint32(at + offsets.counters, true);
    const bytes = new Uint8Array(view.buffer, view.byteOffset + at + offsets.words, size - offsets.words);
    const text = readPath(bytes, view.getUint32(at + offsets.cut, true) !== 0);
    const edge = view.getUint32(at + offsets.edge, true);
    const cursor = new CounterCursor(this.#memory, counters, { fresh: true });
    this.#kernelPaths.set(counters, { cursor, text, edge, message: undefined });
  }

  /** Reads what was added since the last call, and the paths that are new. `wireEdge` returns 0 while it does not know. */
  read(
    second: number,
    wireEdge: (edge: number) => number,
  ): { paths: NetworkPath[]; traffic: NetworkPathTraffic[] } {
    const paths: NetworkPath[] = [];
    const sums = new Map<number, HttpInterval>();
    for (const kernelPath of this.#kernelPaths.values()) {
      if (kernelPath.message === undefined) this.#number(kernelPath, wireEdge(kernelPath.edge), paths);
      const { message, cursor } = kernelPath;
      const interval = message ? cursor.read() : undefined;
      if (!message || interval === undefined) continue;
      sums.set(message.pathNumber, addInterval(sums.get(message.pathNumber), interval));
    }
    const traffic = [...sums].map(([pathNumber, interval]) =>
      create(NetworkPathTrafficSchema, { pathNumber, second, http: toRequests(interval) })
    );
    return { paths, traffic };
  }

  #number(kernelPath: KernelPath, edge: number, added: NetworkPath[]): void {
    if (edge === 0) return;
    const { text } = kernelPath;
    const known = this.#messages.get(edge) ?? new Map<string, NetworkPath>();
    this.#messages.set(edge, known);
    kernelPath.message = known.get(text) ?? null;
    if (kernelPath.message !== null || known.size >= maxPaths) return;
    kernelPath.message = create(NetworkPathSchema, { pathNumber: ++this.#numbers, edge, path: text });
    known.set(text, kernelPath.message);
    added.push(kernelPath.message);
  }
}

/** The kernel cut the query and what follows. */
function readPath(bytes: Uint8Array<ArrayBuffer>, cut: boolean): string {
  const end = bytes.indexOf(0);
  const target = decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
  return originForm(target) + (cut ? "…" : "");
}
