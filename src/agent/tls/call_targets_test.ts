import assert from "node:assert/strict";
import { MemorySource } from "../../../lib/bytes/memory_source.ts";
import type { Elf } from "../../../lib/elf/elf.ts";
import { callTargets, cheapPlace, readFunction } from "./call_targets.ts";

/** 64 bytes of code at 0x1000 that lie at 16 of the file. */
function codeOf(bytes: readonly number[]): { source: MemorySource; elf: Elf } {
  const file = new Uint8Array(80);
  file.set(bytes, 16);
  const section = {
    name: ".text",
    type: 1,
    executable: true,
    fileOffset: 16,
    sizeBytes: 64,
    link: 0,
    entryBytes: 0,
    compressed: false,
    address: 0x1000,
  };
  const elf: Elf = {
    machine: 62,
    segments: [{ fileOffset: 0, fileBytes: 80, address: 0xff0 }],
    frameHeader: undefined,
    sections: [section],
    buildId: "",
    buildIdOffset: 0,
    debugLink: undefined,
  };
  return { source: new MemorySource(file), elf };
}

Deno.test("callTargets() follows calls and jumps forwards and backwards, and nothing beyond the end", () => {
  const code = new Uint8Array([0x90, 0xe8, 4, 0, 0, 0, 0xe9, 0xf0, 0xff, 0xff, 0xff, 0xe8, 1, 0, 0]);
  assert.deepEqual([...callTargets(code, 0x1000)], [0x100a, 0xffb]);
});

Deno.test("cheapPlace() finds a push, past endbr64, and nothing else", () => {
  const placeOf = (...bytes: number[]) => {
    const { source, elf } = codeOf(bytes);
    return cheapPlace(source, elf, 0x1000);
  };
  assert.equal(placeOf(0x55), 16);
  assert.equal(placeOf(0x41, 0x57), 16);
  assert.equal(placeOf(0xf3, 0x0f, 0x1e, 0xfa, 0x53), 20);
  assert.equal(placeOf(0x48, 0x83, 0xec, 0x18), undefined);
  assert.equal(placeOf(0x41, 0x89), undefined);
});

Deno.test("cheapPlace() and readFunction() take nothing that is not whole in the code", () => {
  const { source, elf } = codeOf(new Array(64).fill(0x55));
  assert.equal(cheapPlace(source, elf, 0x103a), 74);
  assert.equal(cheapPlace(source, elf, 0x103b), undefined);
  assert.equal(cheapPlace(source, elf, 0xfff), undefined);
  assert.equal(cheapPlace(source, elf, 0x9000), undefined);
  assert.equal(readFunction(source, elf, { address: 0x1000, sizeBytes: 64 }).length, 64);
  assert.equal(readFunction(source, elf, { address: 0x1000, sizeBytes: 65 }).length, 0);
  assert.equal(readFunction(source, elf, { address: 0x1000, sizeBytes: 0 }).length, 0);
});
