import { DwarfReader } from "../dwarf/dwarf_reader.ts";
import { absolutePointer, omittedPointer, readEncodedPointer } from "./encoded_pointer.ts";
import type { FrameSection } from "./frame_section.ts";

const maxAugmentationBytes = 16;
const maxProgramBytes = 4096;

/** A CIE: what the descriptions of several functions have in common. */
export interface CommonInformation {
  readonly codeAlignment: number;
  readonly dataAlignment: number;
  readonly returnAddressRegister: number;
  /** DW_EH_PE_ encoding of the addresses of functions. */
  readonly pointerEncoding: number;
  /** Whether augmentation data lies before the instructions of each function. */
  readonly hasAugmentationData: boolean;
  /** Its functions are entered by a signal: no call lies before the address that the frame returns to. */
  readonly isSignalFrame: boolean;
  /** Instructions that come before those of each function. */
  readonly programAt: number;
  readonly programEnd: number;
}

/**
 * Reads the CIE at a place of a section; undefined when it is broken or of a kind not known here.
 *
 * Source: CIE versions 1 and 3 of .eh_frame, 1, 3 and 4 of .debug_frame; augmentations of "zRPLSB" and none.
 */
export function readCommonInformation(section: FrameSection, at: number): CommonInformation | undefined {
  const reader = new DwarfReader(section.cursor(), at, false);
  const bytes = reader.unitLength();
  const end = reader.at + bytes;
  const idBytes = section.isDebugFrame && reader.is64 ? 8 : 4;
  if (bytes === 0 || end > section.sizeBytes || !isCommonInformation(section, reader, idBytes)) {
    return undefined;
  }
  const version = reader.u8();
  const augmentation = reader.cursor.text(reader.at, maxAugmentationBytes);
  reader.skipText();
  if (![1, 3, 4].includes(version) || augmentation.length >= maxAugmentationBytes) return undefined;
  if (version === 4 && (reader.u8() !== 8 || reader.u8() !== 0)) return undefined;
  const codeAlignment = reader.uleb();
  const dataAlignment = reader.sleb();
  const returnAddressRegister = version === 1 ? reader.u8() : reader.uleb();
  const augmented = readAugmentation(section, reader, augmentation);
  if (augmented === undefined || reader.failed || reader.at > end) return undefined;
  if (end - reader.at > maxProgramBytes) return undefined;
  return {
    codeAlignment,
    dataAlignment,
    returnAddressRegister,
    hasAugmentationData: augmentation.startsWith("z"),
    ...augmented,
    programAt: reader.at,
    programEnd: end,
  };
}

function isCommonInformation(section: FrameSection, reader: DwarfReader, idBytes: number): boolean {
  const low = reader.u32();
  const high = idBytes === 8 ? reader.u32() : low;
  const id = section.isDebugFrame ? 0xffffffff : 0;
  return low === id && high === id;
}

function readAugmentation(
  section: FrameSection,
  reader: DwarfReader,
  augmentation: string,
): { pointerEncoding: number; isSignalFrame: boolean } | undefined {
  let pointerEncoding = absolutePointer;
  let isSignalFrame = false;
  let end: number | undefined;
  for (const letter of augmentation) {
    if (letter === "z") {
      const bytes = reader.uleb();
      end = reader.at + bytes;
    } else if (letter === "R") pointerEncoding = reader.u8();
    else if (letter === "L") reader.u8();
    else if (letter === "S") isSignalFrame = true;
    else if (letter === "P") {
      const encoding = reader.u8();
      // Through how many pointers it is reached does not matter for where it ends.
      if (encoding !== omittedPointer) readEncodedPointer(reader, encoding & 15, section);
    } else if (letter !== "B") return undefined;
  }
  if (end !== undefined) reader.at = end;
  return { pointerEncoding, isSignalFrame };
}
