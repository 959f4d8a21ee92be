import { MemorySource } from "../../lib/bytes/memory_source.ts";
import type { Elf } from "../../lib/elf/elf.ts";

/** Where the code of functions lies in a file made here. */
export const codeAddress = 0x401000;
const sectionAddress = 0x10_0000;
const sectionBits = { type: 1, executable: false, compressed: false, link: 0, entryBytes: 0 };

export function uleb(value: number): number[] {
  return value < 128 ? [value] : [value % 128 + 128, ...uleb(Math.floor(value / 128))];
}

export function sleb(value: number): number[] {
  const byte = value & 127;
  const rest = value >> 7;
  return rest === (byte & 64 ? -1 : 0) ? [byte] : [byte | 128, ...sleb(rest)];
}

export function u32(value: number): number[] {
  return [0, 8, 16, 24].map((shift) => value >>> shift & 255);
}

export function u64(value: number): number[] {
  return [...u32(value), ...u32(Math.floor(value / 2 ** 32))];
}

/** A CIE; all is as compilers write it unless given. */
export interface CommonBytes {
  version?: number;
  augmentation?: string;
  /** Without its length. */
  augmentationData?: number[];
  codeAlignment?: number;
  dataAlignment?: number;
  returnAddressRegister?: number;
  program?: number[];
}

/** An FDE of the CIE that was added last. */
export interface FunctionBytes {
  /** As the CIE's encoding wants them. */
  pointers?: number[];
  augmentationData?: number[];
  program?: number[];
  /** What it says instead of where its CIE is. */
  commonPointer?: number;
}

/** Writes .eh_frame or .debug_frame byte by byte, with 32-bit lengths. */
export class FrameBytes {
  bytes: number[] = [];
  readonly isDebugFrame: boolean;
  #commonAt = 0;
  #common: CommonBytes = {};

  constructor(isDebugFrame = false) {
    this.isDebugFrame = isDebugFrame;
  }

  /** Address of the next byte, which what is relative to its place needs. */
  get address(): number {
    return sectionAddress + this.bytes.length;
  }

  addCommon(common: CommonBytes = {}): this {
    const { version = 1, augmentation = "zR", augmentationData = [0x03], returnAddressRegister = 16 } =
      common;
    this.#commonAt = this.bytes.length;
    this.#common = { ...common, augmentation };
    return this.#add([
      ...u32(this.isDebugFrame ? 0xffffffff : 0),
      version,
      ...new TextEncoder().encode(`${augmentation}\0`),
      ...(version === 4 ? [8, 0] : []),
      ...uleb(common.codeAlignment ?? 1),
      ...sleb(common.dataAlignment ?? -8),
      ...(version === 1 ? [returnAddressRegister] : uleb(returnAddressRegister)),
      ...(augmentation.startsWith("z") ? uleb(augmentationData.length) : []),
      ...augmentationData,
      // CFA = rsp + 8, the return address at CFA - 8.
      ...common.program ?? [0x0c, 7, 8, 0x90, 1],
    ]);
  }

  addFunction(functionBytes: FunctionBytes = {}): this {
    const { pointers = [...u32(codeAddress), ...u32(0x100)], augmentationData = [] } = functionBytes;
    const place = this.bytes.length + 4;
    return this.#add([
      ...u32(functionBytes.commonPointer ?? (this.isDebugFrame ? this.#commonAt : place - this.#commonAt)),
      ...pointers,
      ...(this.#common.augmentation?.startsWith("z") ? uleb(augmentationData.length) : []),
      ...augmentationData,
      ...functionBytes.program ?? [],
    ]);
  }

  addTerminator(): this {
    this.bytes.push(0, 0, 0, 0);
    return this;
  }

  #add(entry: number[]): this {
    this.bytes.push(...u32(entry.length), ...entry);
    return this;
  }
}

/** A file with these sections and nothing else, whose lowest segment is at 0x400000. */
export function makeFrameFile(...sections: FrameBytes[]): { source: MemorySource; elf: Elf } {
  const bytes = sections.flatMap(({ bytes }) => bytes);
  let fileOffset = 0;
  const headers = sections.map((section) => {
    const start = fileOffset;
    fileOffset += section.bytes.length;
    const name = section.isDebugFrame ? ".debug_frame" : ".eh_frame";
    const place = { fileOffset: start, sizeBytes: section.bytes.length };
    return { ...sectionBits, name, address: sectionAddress, ...place };
  });
  const elf: Elf = {
    machine: 62,
    segments: [
      { fileOffset: 0, fileBytes: 0x1000, address: 0x400123 },
      { fileOffset: 0, fileBytes: bytes.length, address: 0x50_0000 },
    ],
    frameHeader: undefined,
    sections: headers,
    buildId: "",
    buildIdOffset: 0,
    debugLink: undefined,
  };
  return { source: new MemorySource(Uint8Array.from(bytes)), elf };
}
