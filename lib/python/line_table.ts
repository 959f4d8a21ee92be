/** Kinds of entries of a location table, in bits 3 to 6 of their first byte. */
const oneLine = 10;
const withoutColumns = 13;
const long = 14;
const nowhere = 15;
/** Numbers that follow the line's in a long entry: last line, first and last column. */
const longRest = 3;

/**
 * Finds the line that a code unit of a code object belongs to; 0 when the table does not say, or is broken.
 *
 * Source: co_linetable of CPython 3.11 and newer (PEP 657, Objects/locations.md).
 * Shape: `instruction` in code units of two bytes; one below 0 is the function's beginning.
 * Limits: one pass over the table.
 */
export function findLine(table: Uint8Array, firstLine: number, instruction: number): number {
  if (instruction < 0) return firstLine;
  let at = 0;
  let line = firstLine;
  let unit = 0;

  function readNumber(): number {
    let value = 0;
    for (let shift = 0; at < table.length && shift < 30; shift += 6) {
      const byte = table[at++]!;
      value |= (byte & 63) << shift;
      if ((byte & 64) === 0) break;
    }
    return value;
  }

  function readSigned(): number {
    const value = readNumber();
    return value & 1 ? -(value >>> 1) : value >>> 1;
  }

  while (at < table.length) {
    const head = table[at++]!;
    const kind = head >>> 3 & 15;
    unit += (head & 7) + 1;
    if (kind >= oneLine && kind < withoutColumns) {
      line += kind - oneLine;
      at += 2;
    } else if (kind === withoutColumns) line += readSigned();
    else if (kind === long) {
      line += readSigned();
      for (let rest = 0; rest < longRest; rest++) readNumber();
    } else if (kind !== nowhere) at++;
    if (instruction < unit) return kind === nowhere || line < 0 ? 0 : line;
  }
  return 0;
}
