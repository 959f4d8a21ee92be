import assert from "node:assert/strict";
import { u32, u64 } from "../../tests/support/frame_bytes.ts";
import { Cursor } from "../bytes/cursor.ts";
import { MemorySource } from "../bytes/memory_source.ts";
import { DwarfReader } from "../dwarf/dwarf_reader.ts";
import { readEncodedPointer } from "./encoded_pointer.ts";

const origins = { sectionAddress: 0x1000, dataAddress: 0x2000 };

function read(encoding: number, bytes: number[]): { value: number; readBytes: number } {
  const source = new MemorySource(Uint8Array.from([0, 0, 0, 0, ...bytes]));
  const reader = new DwarfReader(new Cursor(source, 100), 4, false);
  return { value: readEncodedPointer(reader, encoding, origins), readBytes: reader.at - 4 };
}

Deno.test("readEncodedPointer() reads each form, and what is relative to the place and to the data", () => {
  const cases: [encoding: number, bytes: number[], value: number][] = [
    [0x00, u64(0x1234_5678_9abc), 0x1234_5678_9abc],
    [0x01, [0x80, 0x01], 128],
    [0x02, [0xff, 0xff], 65_535],
    [0x03, u32(0xffff_ffff), 0xffff_ffff],
    [0x04, u64(7), 7],
    [0x09, [0x7f], -1],
    [0x0a, [0xff, 0xff], -1],
    [0x0b, u32(0xffff_fffe), -2],
    [0x0c, new Array(8).fill(0xff), -1],
    [0x1b, u32(0xffff_fffc), 0x1000],
    [0x10, u64(0x100), 0x1104],
    [0x3b, u32(16), 0x2010],
  ];
  for (const [encoding, bytes, value] of cases) {
    assert.deepEqual(read(encoding, bytes), { value, readBytes: bytes.length }, encoding.toString(16));
  }
});

Deno.test("readEncodedPointer() refuses what is indirect, aligned, or relative to text or a function", () => {
  for (const encoding of [0x80, 0x9b, 0x20, 0x40, 0x50, 0x05, 0x0d, 0xff]) {
    assert.ok(Number.isNaN(read(encoding, u64(1)).value), encoding.toString(16));
  }
});
