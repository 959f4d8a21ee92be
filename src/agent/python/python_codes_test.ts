import assert from "node:assert/strict";
import { layouts } from "../../gen/records.ts";
import { PythonCodes } from "./python_codes.ts";

const { size, offsets } = layouts.python_code_event;

/** The record of a code object, at an odd place. */
function encode(number: number, name: string, file: string, lines: number[]): DataView<ArrayBuffer> {
  const bytes = new Uint8Array(size + 8);
  const view = new DataView(bytes.buffer, 8);
  view.setUint32(offsets.number, number, true);
  view.setUint32(offsets.first_line, 10, true);
  view.setUint16(offsets.name_bytes, name.length, true);
  view.setUint16(offsets.file_bytes, file.length, true);
  view.setUint16(offsets.lines_bytes, lines.length, true);
  view.setUint8(offsets.name_width, 1);
  view.setUint8(offsets.file_width, 1);
  const encoder = new TextEncoder();
  bytes.set(encoder.encode(name), 8 + offsets.name);
  bytes.set(encoder.encode(file), 8 + offsets.file);
  bytes.set(lines, 8 + offsets.lines);
  return view;
}

Deno.test("PythonCodes names frames by the code objects that came, and keeps no memory of the ring", () => {
  const codes = new PythonCodes();
  // Two code units on the first line, two on the third after it.
  const record = encode(5, "Work.run", "/app.py", [0x80 | 13 << 3 | 1, 0, 0x80 | 13 << 3 | 1, 6]);
  codes.add(record, 0);
  new Uint8Array(record.buffer).fill(0xff);
  const words = BigUint64Array.of(
    5n << 32n | 1n,
    1n << 62n | 5n << 32n | 2n,
    5n << 32n | 0xffff_ffffn,
    6n << 32n,
  );
  const run = { function: "Work.run", file: "/app.py", startLine: 10, isEntry: false };
  assert.deepEqual(codes.nameFrames(words), [
    { ...run, line: 10 },
    { ...run, line: 13, isEntry: true },
    { ...run, line: 10 },
    { function: "", file: "", line: 0, startLine: 0, isEntry: false },
  ]);
});

Deno.test("PythonCodes marks names that were cut at their end, and paths at their beginning", () => {
  const codes = new PythonCodes();
  codes.add(encode(1, "n".repeat(128), "f".repeat(192), []), 0);
  const [frame] = codes.nameFrames(BigUint64Array.of(1n << 32n));
  assert.deepEqual(frame, {
    ...{
      function: `${"n".repeat(128)}…`,
      file: `…${"f".repeat(192)}`,
      line: 0,
      startLine: 10,
      isEntry: false,
    },
  });
});
