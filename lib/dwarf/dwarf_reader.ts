import type { Cursor } from "../bytes/cursor.ts";

/** Reads one thing after the other from a DWARF section. */
export class DwarfReader {
  at: number;
  /** Whether offsets have 8 bytes. */
  is64: boolean;
  readonly cursor: Cursor;

  constructor(cursor: Cursor, at: number, is64: boolean) {
    this.cursor = cursor;
    this.at = at;
    this.is64 = is64;
  }

  get failed(): boolean {
    return this.cursor.failed;
  }

  u8(): number {
    return this.cursor.u8(this.at++);
  }

  u16(): number {
    this.at += 2;
    return this.cursor.u16(this.at - 2);
  }

  u24(): number {
    return this.u16() + this.u8() * 0x10000;
  }

  u32(): number {
    this.at += 4;
    return this.cursor.u32(this.at - 4);
  }

  /** Exact below 2^53. */
  u64(): number {
    this.at += 8;
    return this.cursor.u64(this.at - 8);
  }

  /** An offset or length of the unit's format. */
  offset(): number {
    return this.is64 ? this.u64() : this.u32();
  }

  /** A unit's length, which tells the format of what follows. */
  unitLength(): number {
    const length = this.u32();
    this.is64 = length === 0xffffffff;
    return this.is64 ? this.u64() : length;
  }

  uleb(): number {
    let value = 0;
    for (let scale = 1, count = 0; count < 10; scale *= 128, count++) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      if (byte < 128) break;
    }
    return value;
  }

  sleb(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count++) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      scale *= 128;
      if (byte < 128) return (byte & 64) === 0 ? value : value - scale;
    }
    return value;
  }

  /** Passes over a text and its NUL; where it began. */
  skipText(): number {
    const start = this.at;
    this.at += this.cursor.lengthToZero(start) + 1;
    return start;
  }
}
