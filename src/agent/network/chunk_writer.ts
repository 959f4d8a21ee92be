import { create, type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import {
  type NetworkChunk,
  NetworkChunkSchema,
  NetworkDnsSchema,
  NetworkEdgeSchema,
  type NetworkLoss,
  NetworkPathSchema,
  NetworkPathTrafficSchema,
  NetworkProcessSchema,
  NetworkSampleSchema,
  NetworkTrafficSchema,
} from "../../gen/stakeout/v1/network_pb.ts";

/** Chunks are closed below the 1 MiB that they may have. */
const closeAtBytes = 900 * 1024;
/** Most chunks of the same seconds; what does not fit is dropped and counted. */
const maxChunks = 4;

const tables = {
  processes: NetworkProcessSchema,
  edges: NetworkEdgeSchema,
  paths: NetworkPathSchema,
  traffic: NetworkTrafficSchema,
  pathTraffic: NetworkPathTrafficSchema,
  dns: NetworkDnsSchema,
  samples: NetworkSampleSchema,
} satisfies Partial<Record<keyof NetworkChunk, DescMessage>>;

/** Rows of a chunk, by table. */
export type Table = keyof typeof tables;

/** A row of a table. */
export type Row<T extends Table> = MessageShape<typeof tables[T]>;

/**
 * Collects the rows of some seconds into chunks.
 *
 * Limits: a chunk encodes to under 1 MiB; what does not fit goes into further chunks of the same seconds, at most 4 in all.
 * Loss: rows beyond are dropped, and counted in the last one's `dropped_rows`.
 */
export class ChunkWriter {
  readonly #taskId: string;
  #number = 0;
  #chunks: NetworkChunk[] = [];
  #bytes = 0;
  #dropped = 0;

  constructor(taskId: string) {
    this.#taskId = taskId;
  }

  /** Adds a row; false when it found no room. Rows that others name by their numbers come first. */
  add<T extends Table>(table: T, row: Row<T>): boolean {
    // A tag and a length come before each.
    const rowBytes = toBinary(tables[table] as DescMessage, row).length + 5;
    if (this.#chunks.length === 0 || this.#bytes + rowBytes > closeAtBytes) {
      if (this.#chunks.length === maxChunks) {
        this.#dropped++;
        return false;
      }
      this.#chunks.push(create(NetworkChunkSchema, { taskId: this.#taskId }));
      this.#bytes = 0;
    }
    (this.#chunks.at(-1)![table] as Row<T>[]).push(row);
    this.#bytes += rowBytes;
    return true;
  }

  /** Ends the chunks of these seconds and returns them; at least one. */
  finish(span: {
    startUnixMs: number;
    seconds: number;
    loss: NetworkLoss;
    limits: readonly string[];
    last: boolean;
  }): NetworkChunk[] {
    const chunks = this.#chunks.length > 0
      ? this.#chunks
      : [create(NetworkChunkSchema, { taskId: this.#taskId })];
    for (const chunk of chunks) {
      chunk.number = this.#number++;
      chunk.startUnixMs = BigInt(Math.round(span.startUnixMs));
      chunk.seconds = span.seconds;
    }
    const end = chunks.at(-1)!;
    span.loss.droppedRows = BigInt(this.#dropped);
    end.loss = span.loss;
    end.limits = [...span.limits];
    end.last = span.last;
    this.#chunks = [];
    this.#dropped = 0;
    return chunks;
  }
}
