import { findLine } from "../../lib/python/line_table.ts";
import { decodePythonText } from "../../lib/python/text.ts";
import { fuzz } from "./fuzz.ts";

const headBytes = 3;
const lookups = 97;

/** Input: bytes of instructions as u16, bytes of a character, then a table of lines, which is read as text too. */
Deno.test("lines and names of Python's code objects are read or left out, whatever they are", () =>
  fuzz("python_code", (bytes) => {
    const instructions = ((bytes[0] ?? 0) | (bytes[1] ?? 0) << 8) / 2;
    const table = bytes.subarray(headBytes, headBytes + 8192);
    for (let lookup = -1; lookup < lookups; lookup++) {
      const line = findLine(table, 7, Math.floor(lookup * instructions / lookups));
      if (!Number.isSafeInteger(line) || line < 0) throw new RangeError(`Line ${line}`);
    }
    const name = decodePythonText(table.subarray(0, 128), bytes[2] ?? 1);
    if (name.length > 128) throw new RangeError(`Name of ${name.length} units`);
  }));
