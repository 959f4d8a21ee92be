import type { DwarfReader } from "../dwarf/dwarf_reader.ts";

/** DW_EH_PE_omit: there is no pointer. */
export const omittedPointer = 0xff;
/** DW_EH_PE_absptr: 8 bytes as they are. */
export const absolutePointer = 0;
const applicationBits = 0xf0;
const relativeToPlace = 0x10;
const relativeToData = 0x30;

/** Where the section that is read lies in the module, and what DW_EH_PE_datarel counts from. */
export interface PointerOrigins {
  readonly sectionAddress: number;
  readonly dataAddress: number;
}

/**
 * Reads a pointer as DW_EH_PE_ encodings write it; NaN for an encoding that is refused: indirect, aligned, or relative to text or
 * a function.
 */
export function readEncodedPointer(reader: DwarfReader, encoding: number, origins: PointerOrigins): number {
  const place = origins.sectionAddress + reader.at;
  const value = readPointerValue(reader, encoding);
  switch (encoding & applicationBits) {
    case 0:
      return value;
    case relativeToPlace:
      return place + value;
    case relativeToData:
      return origins.dataAddress + value;
    default:
      return NaN;
  }
}

/** Reads the number of an encoded pointer, relative to nothing; 64 bits are signed and exact below 2^53. */
export function readPointerValue(reader: DwarfReader, encoding: number): number {
  switch (encoding & 15) {
    case 0:
    case 4:
    case 12: {
      const low = reader.u32();
      return (reader.u32() | 0) * 0x1_0000_0000 + low;
    }
    case 1:
      return reader.uleb();
    case 2:
      return reader.u16();
    case 3:
      return reader.u32();
    case 9:
      return reader.sleb();
    case 10:
      return reader.u16() << 16 >> 16;
    case 11:
      return reader.u32() | 0;
    default:
      return NaN;
  }
}
