import { inflateSync, zstdDecompressSync } from "node:zlib";
import type { ByteSource } from "../bytes/byte_source.ts";
import { Cursor } from "../bytes/cursor.ts";
import { MemorySource } from "../bytes/memory_source.ts";
import { SourceSlice } from "../bytes/source_slice.ts";
import { type Elf, findSection } from "./elf.ts";

const headerBytes = 24;
const zlibType = 1;
const zstdType = 2;

/** Bytes of memory that what is decompressed may take; sections share them. */
export interface MemoryBudget {
  leftBytes: number;
}

/**
 * Opens a section's bytes, decompressed; undefined when there is no such section, it cannot be decompressed, or what comes out
 * is more than the budget has left.
 *
 * Source: what SHF_COMPRESSED marks begins with type u32 (1 zlib, 2 zstd), reserved, size u64, alignment u64. What is not
 * compressed stays in the file and takes no memory.
 */
export function openSection(
  source: ByteSource,
  elf: Elf,
  name: string,
  budget: MemoryBudget,
): ByteSource | undefined {
  const section = findSection(elf, name);
  if (section === undefined) return undefined;
  const slice = new SourceSlice(source, section.fileOffset, section.sizeBytes);
  if (!section.compressed) return slice;
  const cursor = new Cursor(slice, 8);
  const type = cursor.u32(0);
  const sizeBytes = cursor.u64(8);
  const packedBytes = slice.sizeBytes - headerBytes;
  if (cursor.failed || sizeBytes + packedBytes > budget.leftBytes) return undefined;
  const packed = slice.readAt(headerBytes, packedBytes);
  try {
    const bytes = decompress(type, packed, sizeBytes);
    if (bytes === undefined) return undefined;
    budget.leftBytes -= bytes.length;
    return new MemorySource(bytes);
  } catch {
    // Broken, or more than it said.
    return undefined;
  }
}

function decompress(type: number, packed: Uint8Array, sizeBytes: number): Uint8Array | undefined {
  const limits = { maxOutputLength: Math.max(1, sizeBytes) };
  if (type === zlibType) return inflateSync(packed, limits);
  return type === zstdType ? zstdDecompressSync(packed, limits) : undefined;
}
