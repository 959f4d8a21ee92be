import type { DwarfReader } from "./dwarf_reader.ts";

/** How an attribute's value is written (DW_FORM_*). */
export const form = {
  addr: 0x01,
  block2: 0x03,
  block4: 0x04,
  data2: 0x05,
  data4: 0x06,
  data8: 0x07,
  string: 0x08,
  block: 0x09,
  block1: 0x0a,
  data1: 0x0b,
  flag: 0x0c,
  sdata: 0x0d,
  strp: 0x0e,
  udata: 0x0f,
  refAddr: 0x10,
  ref1: 0x11,
  ref2: 0x12,
  ref4: 0x13,
  ref8: 0x14,
  refUdata: 0x15,
  indirect: 0x16,
  secOffset: 0x17,
  exprloc: 0x18,
  flagPresent: 0x19,
  strx: 0x1a,
  addrx: 0x1b,
  refSup4: 0x1c,
  strpSup: 0x1d,
  data16: 0x1e,
  lineStrp: 0x1f,
  refSig8: 0x20,
  implicitConst: 0x21,
  loclistx: 0x22,
  rnglistx: 0x23,
  refSup8: 0x24,
  strx1: 0x25,
  strx2: 0x26,
  strx3: 0x27,
  strx4: 0x28,
  addrx1: 0x29,
  addrx2: 0x2a,
  addrx3: 0x2b,
  addrx4: 0x2c,
  gnuAddrIndex: 0x1f01,
  gnuStrIndex: 0x1f02,
  gnuRefAlt: 0x1f20,
  gnuStrpAlt: 0x1f21,
} as const;

/**
 * Reads a value as it is written: a number, an offset or an index. Of text in place it is where that begins, of blocks
 * nothing. False and behind the section when the form is not known: nothing behind it can be read then.
 */
export function readForm(
  reader: DwarfReader,
  kind: number,
  implicit: number,
  shape: { readonly version: number; readonly addressBytes: number },
): number {
  switch (kind) {
    case form.addr:
      return shape.addressBytes === 8 ? reader.u64() : reader.u32();
    case form.data1:
    case form.flag:
    case form.ref1:
    case form.strx1:
    case form.addrx1:
      return reader.u8();
    case form.data2:
    case form.ref2:
    case form.strx2:
    case form.addrx2:
      return reader.u16();
    case form.strx3:
    case form.addrx3:
      return reader.u24();
    case form.data4:
    case form.ref4:
    case form.strx4:
    case form.addrx4:
    case form.refSup4:
      return reader.u32();
    case form.data8:
    case form.ref8:
    case form.refSig8:
    case form.refSup8:
      return reader.u64();
    case form.sdata:
      return reader.sleb();
    case form.udata:
    case form.refUdata:
    case form.strx:
    case form.addrx:
    case form.loclistx:
    case form.rnglistx:
    case form.gnuAddrIndex:
    case form.gnuStrIndex:
      return reader.uleb();
    case form.strp:
    case form.lineStrp:
    case form.secOffset:
    case form.strpSup:
    case form.gnuRefAlt:
    case form.gnuStrpAlt:
      return reader.offset();
    case form.refAddr:
      return shape.version === 2 ? reader.u64() : reader.offset();
    case form.flagPresent:
      return 1;
    case form.implicitConst:
      return implicit;
    case form.string:
      return reader.skipText();
    case form.indirect: {
      const inner = reader.uleb();
      // Once is what there is a use for.
      return inner === form.indirect ? fail(reader) : readForm(reader, inner, implicit, shape);
    }
    case form.data16:
      reader.at += 16;
      return 0;
    default:
      return skipBlock(reader, kind);
  }
}

function skipBlock(reader: DwarfReader, kind: number): number {
  switch (kind) {
    case form.block1:
      reader.at += 1 + reader.cursor.u8(reader.at);
      return 0;
    case form.block2:
      reader.at += 2 + reader.cursor.u16(reader.at);
      return 0;
    case form.block4:
      reader.at += 4 + reader.cursor.u32(reader.at);
      return 0;
    case form.block:
    case form.exprloc: {
      const length = reader.uleb();
      reader.at += length;
      return 0;
    }
    default:
      return fail(reader);
  }
}

/** Leaves the reader where every read fails. */
function fail(reader: DwarfReader): number {
  reader.at = Number.MAX_SAFE_INTEGER;
  return 0;
}
