import { gzip } from "node:zlib";
import { ProtobufWriter } from "./protobuf_writer.ts";

/** What one of a sample's values counts, such as cpu in nanoseconds. */
export interface PprofValueType {
  readonly type: string;
  readonly unit: string;
}

/** One frame. Equal frames may be one object or many: they are written once. */
export interface PprofFrame {
  /** "" when it has no name; then file and address tell. */
  readonly function: string;
  /** Path of the mapped file, "[kernel]" and the like, "" when unknown. */
  readonly file: string;
  /** Address in the file. */
  readonly address: bigint;
  /** Source file and line, where known. */
  readonly source?: { readonly file: string; readonly line: number };
  /** The compiler put it into the next frame of the stack, which has the same address: they are one location. */
  readonly inlined?: boolean;
}

/** One stack with its weights. */
export interface PprofSample {
  /** Leaf first. */
  readonly frames: readonly PprofFrame[];
  /** One a sample type; integers. */
  readonly values: readonly (number | bigint)[];
  readonly labels?: Readonly<Record<string, string>>;
}

/** A profile as pprof understands it. */
export interface PprofProfile {
  readonly sampleTypes: readonly PprofValueType[];
  /** Type of the value that is shown first; viewers take the last when not given. */
  readonly defaultSampleType?: string;
  readonly samples: readonly PprofSample[];
  readonly periodType?: PprofValueType;
  /** Units of `periodType` between two samples. */
  readonly period?: number;
  /** Begin of the profile, ns since 1970. */
  readonly timeNanos: bigint;
  readonly durationNanos: bigint;
  /** Build IDs in hexadecimal, by file. */
  readonly buildIds?: Readonly<Record<string, string>>;
  readonly comments?: readonly string[];
}

/**
 * Writes a profile for pprof and everything that reads its files.
 *
 * Shape: gzip of perftools.profiles.Profile: sample_type 1, sample 2, mapping 3, location 4, function 5, string_table 6,
 * time_nanos 9, duration_nanos 10, period_type 11, period 12, comment 13, default_sample_type 14.
 *
 * @example
 * ```ts
 * import { encodePprof } from "./encode.ts";
 * const frames = [{ function: "leaf", file: "/bin/x", address: 16n }, { function: "main", file: "/bin/x", address: 32n }];
 * await encodePprof({
 *   sampleTypes: [{ type: "samples", unit: "count" }],
 *   samples: [{ frames, values: [23] }],
 *   timeNanos: 0n,
 *   durationNanos: 1_000_000_000n,
 * });
 * ```
 */
export function encodePprof(profile: PprofProfile): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Encoder().encode(profile);
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
  gzip(bytes, (error, compressed) => error === null ? resolve(new Uint8Array(compressed)) : reject(error));
  return promise;
}

function keyOf(frame: PprofFrame): string {
  const { address, file, source } = frame;
  return `${address.toString(16)} ${file}\0${frame.function}\0${source?.file ?? ""}:${source?.line ?? 0}`;
}

/** Numbers things from 1 in the order they come. */
class Table {
  readonly ids = new Map<string, number>();

  /** The id, and whether it is new. */
  add(key: string): { id: number; fresh: boolean } {
    const known = this.ids.get(key);
    if (known !== undefined) return { id: known, fresh: false };
    this.ids.set(key, this.ids.size + 1);
    return { id: this.ids.size, fresh: true };
  }
}

class Encoder {
  readonly #profile = new ProtobufWriter();
  readonly #message = new ProtobufWriter();
  readonly #inner = new ProtobufWriter();
  readonly #strings = new Map<string, number>([["", 0]]);
  readonly #mappings = new Table();
  readonly #functions = new Table();
  readonly #locations = new Table();
  readonly #locationOf = new Map<PprofFrame, number>();
  #buildIds: Readonly<Record<string, string>> = {};

  encode(profile: PprofProfile): Uint8Array {
    this.#buildIds = profile.buildIds ?? {};
    for (const type of profile.sampleTypes) this.#valueType(1, type);
    for (const sample of profile.samples) this.#sample(sample);
    this.#profile.integer(9, profile.timeNanos);
    this.#profile.integer(10, profile.durationNanos);
    if (profile.periodType !== undefined) this.#valueType(11, profile.periodType);
    this.#profile.integer(12, profile.period ?? 0);
    this.#profile.integers(13, (profile.comments ?? []).map((comment) => this.#string(comment)));
    this.#profile.integer(14, this.#string(profile.defaultSampleType ?? ""));
    for (const text of this.#strings.keys()) this.#profile.text(6, text);
    return this.#profile.bytes;
  }

  #valueType(field: number, { type, unit }: PprofValueType): void {
    this.#message.clear();
    this.#message.integer(1, this.#string(type));
    this.#message.integer(2, this.#string(unit));
    this.#profile.raw(field, this.#message.bytes);
  }

  #sample({ frames, values, labels }: PprofSample): void {
    const locations = this.#locationsOf(frames);
    this.#message.clear();
    this.#message.integers(1, locations);
    this.#message.integers(2, values);
    for (const [key, value] of Object.entries(labels ?? {})) {
      this.#inner.clear();
      this.#inner.integer(1, this.#string(key));
      this.#inner.integer(2, this.#string(value));
      this.#message.raw(3, this.#inner.bytes);
    }
    this.#profile.raw(2, this.#message.bytes);
  }

  /** Frames to locations: what was inlined into a frame is of its location. */
  #locationsOf(frames: readonly PprofFrame[]): number[] {
    const locations: number[] = [];
    for (let start = 0; start < frames.length;) {
      let end = start;
      while (frames[end]!.inlined && end + 1 < frames.length) end++;
      locations.push(
        end === start ? this.#plainLocation(frames[start]!) : this.#location(frames.slice(start, end + 1)),
      );
      start = end + 1;
    }
    return locations;
  }

  #plainLocation(frame: PprofFrame): number {
    const known = this.#locationOf.get(frame);
    if (known !== undefined) return known;
    const id = this.#location([frame]);
    this.#locationOf.set(frame, id);
    return id;
  }

  #location(frames: readonly PprofFrame[]): number {
    const { id, fresh } = this.#locations.add(frames.map(keyOf).join("\n"));
    if (!fresh) return id;
    const { file, address } = frames.at(-1)!;
    const mapping = file === "" ? 0 : this.#mapping(file);
    const lines = frames.filter((frame) => frame.function !== "").map((frame) => ({
      called: this.#function(frame),
      line: frame.source?.line ?? 0,
    }));
    this.#message.clear();
    this.#message.integer(1, id);
    this.#message.integer(2, mapping);
    this.#message.integer(3, address);
    for (const { called, line } of lines) {
      this.#inner.clear();
      this.#inner.integer(1, called);
      this.#inner.integer(2, line);
      this.#message.raw(4, this.#inner.bytes);
    }
    this.#profile.raw(4, this.#message.bytes);
    return id;
  }

  #mapping(file: string): number {
    const { id, fresh } = this.#mappings.add(file);
    if (!fresh) return id;
    this.#message.clear();
    this.#message.integer(1, id);
    // Addresses are those of the file itself, so every mapping spans all of them.
    this.#message.integer(3, (1n << 63n) - 1n);
    this.#message.integer(5, this.#string(file));
    this.#message.integer(6, this.#string(this.#buildIds[file] ?? ""));
    // has_functions: readers need not look for symbols themselves.
    this.#message.integer(7, 1);
    this.#profile.raw(3, this.#message.bytes);
    return id;
  }

  #function({ function: name, file, source }: PprofFrame): number {
    const { id, fresh } = this.#functions.add(`${name}\0${file}\0${source?.file ?? ""}`);
    if (!fresh) return id;
    this.#message.clear();
    this.#message.integer(1, id);
    this.#message.integer(2, this.#string(name));
    this.#message.integer(3, this.#string(name));
    this.#message.integer(4, this.#string(source?.file ?? ""));
    this.#profile.raw(5, this.#message.bytes);
    return id;
  }

  #string(text: string): number {
    const known = this.#strings.get(text);
    if (known !== undefined) return known;
    const index = this.#strings.size;
    this.#strings.set(text, index);
    return index;
  }
}
