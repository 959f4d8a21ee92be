import type { Cursor } from "../bytes/cursor.ts";

/**
 * Finds the value that holds at a distance from a function's entry; -1 when the table ends before.
 *
 * Source: pairs of varints: the value's difference (zigzag; 0 ends it, but for the first) and the distance for which it
 * holds, in units of `quantum`; values begin at -1.
 */
export function readValueAt(cursor: Cursor, start: number, distance: number, quantum: number): number {
  let at = start;
  let value = -1;
  let reached = 0;
  for (let first = true; !cursor.failed; first = false) {
    const change = readVarint(cursor, at);
    if (change.value === 0 && !first) return -1;
    value += change.value & 1 ? -(change.value >>> 1) - 1 : change.value >>> 1;
    const length = readVarint(cursor, change.end);
    reached += length.value * quantum;
    if (distance < reached) return value;
    at = length.end;
  }
  return -1;
}

/**
 * Tells each value and the distance from the function's entry at which it begins to hold; false when the table is broken. The
 * source is that of `readValueAt`.
 */
export function walkValues(
  cursor: Cursor,
  start: number,
  quantum: number,
  tell: (distance: number, value: number) => void,
): boolean {
  let at = start;
  let value = -1;
  let reached = 0;
  for (let first = true; !cursor.failed; first = false) {
    const change = readVarint(cursor, at);
    if (change.value === 0 && !first) return true;
    value += change.value & 1 ? -(change.value >>> 1) - 1 : change.value >>> 1;
    tell(reached, value);
    const length = readVarint(cursor, change.end);
    reached += length.value * quantum;
    at = length.end;
  }
  return false;
}

function readVarint(cursor: Cursor, start: number): { value: number; end: number } {
  let value = 0;
  for (let at = start, shift = 0; shift < 35; at++, shift += 7) {
    const byte = cursor.u8(at);
    value |= (byte & 127) << shift;
    if (byte < 128) return { value: value >>> 0, end: at + 1 };
  }
  return { value: 0, end: start + 5 };
}
