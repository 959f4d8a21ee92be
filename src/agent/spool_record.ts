import { constants, crc32, zstdCompressSync, zstdDecompressSync } from "node:zlib";

/** What a record is, which decides who goes first when the queue is full. `other` is status and inventory. */
export const recordClasses = ["task", "profile", "refusal", "metrics", "other"] as const;
export type RecordClass = typeof recordClasses[number];

/** One thing to report: a number that never comes again, and its bytes. */
export interface SpoolRecord {
  readonly sequence: number;
  readonly class: RecordClass;
  /** A serialized stakeout.v1.Record without its sequence. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Largest body, so that one record always fits into a message of 4 MiB. */
export const maxBodyBytes = 3 * 1024 * 1024;

const magic = 0x4b_51_53_a7;
const headerBytes = 28;
const compressFromBytes = 256;
const encodingRaw = 0;
const encodingZstd = 1;

/** Where a record lies in its segment. */
interface Frame {
  readonly sequence: number;
  readonly ordinal: number;
  readonly class: RecordClass;
  readonly encoding: number;
  readonly bodyStart: number;
  readonly end: number;
}

/** What a segment holds, as far as it is whole. */
export interface Scan {
  readonly frames: readonly Frame[];
  /** Records that are damaged or missing between whole ones; a torn end counts as one. */
  readonly damaged: number;
}

/**
 * Frames a record for a segment.
 * Shape: little-endian u32 magic, u32 length of the stored body, u64 sequence, u32 ordinal within the segment, u8
 * class, u8 encoding (0 raw, 1 zstd), u16 low half of the CRC-32 over all before it, u32 CRC-32 over all before it
 * and the stored body, both seeded with the segment's salt; then the stored body.
 * Limits: bodies up to 3 MiB; those from 256 bytes on are compressed where that makes them smaller.
 */
export function encodeRecord(record: SpoolRecord, ordinal: number, salt: number): Uint8Array<ArrayBuffer> {
  const packed = record.body.length < compressFromBytes ? record.body : compress(record.body);
  const isPacked = packed.length < record.body.length;
  const stored = isPacked ? packed : record.body;
  const bytes = new Uint8Array(headerBytes + stored.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic, true);
  view.setUint32(4, stored.length, true);
  view.setBigUint64(8, BigInt(record.sequence), true);
  view.setUint32(16, ordinal, true);
  view.setUint8(20, recordClasses.indexOf(record.class));
  view.setUint8(21, isPacked ? encodingZstd : encodingRaw);
  view.setUint16(22, crc32(bytes.subarray(0, 22), salt) & 0xffff, true);
  bytes.set(stored, headerBytes);
  view.setUint32(24, checksum(bytes, 0, bytes.length, salt), true);
  return bytes;
}

/**
 * Finds all whole records of a segment. Damage ends at the next place where a record with the right checksum begins.
 * Bytes of a target that look like a record are none, as nobody outside knows the salt.
 */
export function scanRecords(bytes: Uint8Array, salt: number): Scan {
  const frames: Frame[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let damaged = 0;
  let nextOrdinal = 0;
  let at = 0;
  let end = 0;
  while (at + headerBytes <= bytes.length) {
    const frame = readFrame(bytes, view, at, salt);
    if (frame === undefined || frame.ordinal < nextOrdinal) {
      at = findMagic(bytes, at + 1);
      continue;
    }
    damaged += frame.ordinal - nextOrdinal;
    nextOrdinal = frame.ordinal + 1;
    frames.push(frame);
    at = end = frame.end;
  }
  return { frames, damaged: end < bytes.length ? damaged + 1 : damaged };
}

/** Takes the body out of the segment; `undefined` when it cannot be unpacked. */
export function decodeBody(bytes: Uint8Array, frame: Frame): Uint8Array<ArrayBuffer> | undefined {
  const stored = bytes.slice(frame.bodyStart, frame.end);
  if (frame.encoding === encodingRaw) return stored;
  try {
    return new Uint8Array(zstdDecompressSync(stored, { maxOutputLength: maxBodyBytes }));
  } catch {
    return undefined;
  }
}

function readFrame(bytes: Uint8Array, view: DataView, at: number, salt: number): Frame | undefined {
  if (view.getUint32(at, true) !== magic) return undefined;
  if ((crc32(bytes.subarray(at, at + 22), salt) & 0xffff) !== view.getUint16(at + 22, true)) return undefined;
  const end = at + headerBytes + view.getUint32(at + 4, true);
  const recordClass = recordClasses[view.getUint8(at + 20)];
  if (end > bytes.length || end > at + headerBytes + maxBodyBytes || recordClass === undefined) {
    return undefined;
  }
  if (checksum(bytes, at, end, salt) !== view.getUint32(at + 24, true)) return undefined;
  return {
    sequence: Number(view.getBigUint64(at + 8, true)),
    ordinal: view.getUint32(at + 16, true),
    class: recordClass,
    encoding: view.getUint8(at + 21),
    bodyStart: at + headerBytes,
    end,
  };
}

function findMagic(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(magic & 0xff, from); at >= 0; at = bytes.indexOf(magic & 0xff, at + 1)) {
    if (bytes[at + 1] === 0x53 && bytes[at + 2] === 0x51 && bytes[at + 3] === 0x4b) return at;
  }
  return bytes.length;
}

function checksum(bytes: Uint8Array, start: number, end: number, salt: number): number {
  return crc32(bytes.subarray(start + headerBytes, end), crc32(bytes.subarray(start, start + 24), salt));
}

function compress(body: Uint8Array): Uint8Array {
  return zstdCompressSync(body, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
}
