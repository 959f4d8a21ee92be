import { crc32 } from "node:zlib";
import { crc64 } from "./crc64.ts";
import { LzmaDecoder } from "./lzma_decoder.ts";
import { XzOutput } from "./xz_output.ts";

const streamMagic = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0];
const streamHeaderBytes = 12;
const lzma2Filter = 0x21;
/** Bytes of the check behind each block, by its kind. */
const checkBytes = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];
const crc32Check = 1;
const crc64Check = 4;

/** Most that may come out of a compressed file. */
export interface XzLimits {
  readonly outputBytes: number;
  /** Output over input; what people compress stays far below 100. */
  readonly ratio: number;
}

/**
 * Decompresses an .xz file; undefined when it is broken, of a kind not known here, or beyond the limits.
 *
 * Source: the .xz format 1.2: one stream of blocks, LZMA2 alone as filter, checked by CRC-32 or CRC-64; the index behind the
 * blocks is not looked at.
 * Limits: the output, which is all the memory used; the dictionary that the file asks for is not: what is behind is kept.
 *
 * @example
 * ```ts
 * import { decompressXz } from "./decompress_xz.ts";
 * const nothing = decompressXz(new Uint8Array(), { outputBytes: 1 << 20, ratio: 100 });
 * if (nothing !== undefined) throw new Error("unexpected");
 * ```
 */
export function decompressXz(input: Uint8Array, limits: XzLimits): Uint8Array<ArrayBuffer> | undefined {
  if (streamMagic.some((byte, index) => input[index] !== byte)) return undefined;
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  if (input.length < streamHeaderBytes || crc32(input.subarray(6, 8)) !== view.getUint32(8, true)) {
    return undefined;
  }
  const check = input[7]!;
  if (input[6] !== 0 || check > 15) return undefined;
  const output = new XzOutput(Math.min(limits.outputBytes, Math.ceil(limits.ratio * input.length)));
  let at = streamHeaderBytes;
  // A header that begins with 0 is the index: the blocks are over.
  while (at < input.length && input[at] !== 0) {
    const dataAt = skipBlockHeader(input, view, at);
    if (dataAt === undefined) return undefined;
    const start = output.length;
    const dataEnd = decompressLzma2(input, dataAt, output);
    if (dataEnd === undefined) return undefined;
    at = dataEnd + (4 - (dataEnd - dataAt) % 4) % 4;
    if (!isChecked(check, output.bytes.subarray(start, output.length), view, at)) return undefined;
    at += checkBytes[check]!;
  }
  return at < input.length ? output.bytes.subarray(0, output.length) : undefined;
}

/** Where the data of a block begins; undefined when it is not simply LZMA2. */
function skipBlockHeader(input: Uint8Array, view: DataView, at: number): number | undefined {
  const headerBytes = (input[at]! + 1) * 4;
  const end = at + headerBytes;
  if (end > input.length || crc32(input.subarray(at, end - 4)) !== view.getUint32(end - 4, true)) {
    return undefined;
  }
  const flags = input[at + 1]!;
  if ((flags & 0x3f) !== 0) return undefined;
  let filter = at + 2;
  // Compressed and uncompressed size, where given: the data says both itself.
  for (const given of [0x40, 0x80]) {
    if ((flags & given) === 0) continue;
    while (filter < end && (input[filter]! & 0x80) !== 0) filter++;
    filter++;
  }
  return filter + 3 <= end - 4 && input[filter] === lzma2Filter && input[filter + 1] === 1 ? end : undefined;
}

/** Decompresses chunks up to the end mark; where they end, or undefined. */
function decompressLzma2(input: Uint8Array, start: number, output: XzOutput): number | undefined {
  const decoder = new LzmaDecoder();
  output.start = output.length;
  let at = start;
  while (at < input.length) {
    const control = input[at]!;
    if (control === 0) return at + 1;
    if (at + 3 > input.length) return undefined;
    if (control >= 0xe0 || control === 1) output.start = output.length;
    if (control < 0x80) {
      const length = (input[at + 1]! << 8) + input[at + 2]! + 1;
      if (control > 2 || at + 3 + length > input.length || !output.reserve(length)) return undefined;
      output.append(input.subarray(at + 3, at + 3 + length));
      at += 3 + length;
      continue;
    }
    const length = ((control & 31) << 16) + (input[at + 1]! << 8) + input[at + 2]! + 1;
    const packed = (input[at + 3]! << 8) + input[at + 4]! + 1;
    const reset = control >> 5 & 3;
    const dataAt = at + (reset >= 2 ? 6 : 5);
    if (dataAt + packed > input.length || !output.reserve(length)) return undefined;
    if (reset >= 2 && !decoder.setProperties(input[at + 5]!)) return undefined;
    if (reset === 1) decoder.resetState();
    if (!decoder.decode(input, dataAt, dataAt + packed, output, length)) return undefined;
    at = dataAt + packed;
  }
  return undefined;
}

function isChecked(check: number, bytes: Uint8Array, view: DataView, at: number): boolean {
  if (at + checkBytes[check]! > view.byteLength) return false;
  if (check === crc32Check) return crc32(bytes) === view.getUint32(at, true);
  if (check === crc64Check) return crc64(bytes) === view.getBigUint64(at, true);
  return true;
}
