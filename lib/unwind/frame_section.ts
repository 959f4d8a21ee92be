import type { ByteSource } from "../bytes/byte_source.ts";
import { Cursor, type StepBudget } from "../bytes/cursor.ts";
import { SourceSlice } from "../bytes/source_slice.ts";
import { DwarfReader } from "../dwarf/dwarf_reader.ts";
import { type Elf, findSection, toFileOffset } from "../elf/elf.ts";
import { type MemoryBudget, openSection } from "../elf/section_data.ts";
import { omittedPointer, type PointerOrigins, readEncodedPointer } from "./encoded_pointer.ts";

/** A section with unwind information. */
export class FrameSection implements PointerOrigins {
  readonly sectionAddress: number;
  /** Nothing in these sections counts from elsewhere. */
  readonly dataAddress = NaN;
  readonly isDebugFrame: boolean;
  /** Whether an entry of no length ends it; else more may come behind, where a linker joined several. */
  readonly endsAtTerminator: boolean;
  readonly #source: ByteSource;
  readonly #steps: StepBudget;

  constructor(
    source: ByteSource,
    steps: StepBudget,
    place: { sectionAddress: number; isDebugFrame: boolean; endsAtTerminator: boolean },
  ) {
    this.#source = source;
    this.#steps = steps;
    this.sectionAddress = place.sectionAddress;
    this.isDebugFrame = place.isDebugFrame;
    this.endsAtTerminator = place.endsAtTerminator;
  }

  get sizeBytes(): number {
    return this.#source.sizeBytes;
  }

  /** A cursor of its own, which fails alone; all share the steps. */
  cursor(): Cursor {
    return new Cursor(this.#source, this.#steps);
  }
}

/**
 * Opens the sections of a file that have unwind information, the better one first.
 *
 * Source: .eh_frame, found by its section header, or else by PT_GNU_EH_FRAME; .debug_frame, which may be compressed, but
 * not of Go.
 */
export function openFrameSections(
  source: ByteSource,
  elf: Elf,
  budget: { readonly steps: StepBudget; readonly memory: MemoryBudget },
): FrameSection[] {
  const found = [findFrames(source, elf, budget.steps)];
  const debugFrames = isGo(elf) ? undefined : openSection(source, elf, ".debug_frame", budget.memory);
  if (debugFrames !== undefined) {
    const place = { sectionAddress: 0, isDebugFrame: true, endsAtTerminator: false };
    found.push(new FrameSection(debugFrames, budget.steps, place));
  }
  return found.filter((section) => section !== undefined);
}

/** Go keeps frame pointers, and its .debug_frame does not say where the caller's is saved. */
function isGo(elf: Elf): boolean {
  return elf.sections.some(({ name }) => name.endsWith(".gopclntab") || name === ".go.buildinfo");
}

function findFrames(source: ByteSource, elf: Elf, steps: StepBudget): FrameSection | undefined {
  const section = findSection(elf, ".eh_frame");
  if (section !== undefined) {
    const slice = new SourceSlice(source, section.fileOffset, section.sizeBytes);
    const place = { sectionAddress: section.address, isDebugFrame: false, endsAtTerminator: false };
    return new FrameSection(slice, steps, place);
  }
  const sectionAddress = readFramesAddress(source, elf, steps);
  const fileOffset = sectionAddress === undefined ? undefined : toFileOffset(elf, sectionAddress);
  if (sectionAddress === undefined || fileOffset === undefined) return undefined;
  // Its size is nowhere: it ends at its terminator, or where the segment does.
  const segment = elf.segments.find(({ fileOffset: start, fileBytes }) =>
    fileOffset >= start && fileOffset < start + fileBytes
  );
  if (segment === undefined) return undefined;
  const slice = new SourceSlice(source, fileOffset, segment.fileOffset + segment.fileBytes - fileOffset);
  return new FrameSection(slice, steps, { sectionAddress, isDebugFrame: false, endsAtTerminator: true });
}

/** Source: .eh_frame_hdr: version u8, three encodings u8, then the pointer. */
function readFramesAddress(source: ByteSource, elf: Elf, steps: StepBudget): number | undefined {
  const header = elf.frameHeader;
  if (header === undefined) return undefined;
  const slice = new SourceSlice(source, header.fileOffset, header.fileBytes);
  const reader = new DwarfReader(new Cursor(slice, steps), 0, false);
  const version = reader.u8();
  const encoding = reader.u8();
  reader.at = 4;
  if (version !== 1 || encoding === omittedPointer) return undefined;
  const origins = { sectionAddress: header.address, dataAddress: header.address };
  const address = readEncodedPointer(reader, encoding, origins);
  return reader.failed || !Number.isSafeInteger(address) ? undefined : address;
}
