import { findLine } from "../../../lib/python/line_table.ts";
import { decodePythonText } from "../../../lib/python/text.ts";
import { decodePythonCodeEvent, layouts } from "../../gen/records.ts";

/** `kind` of a struct python_code_event. */
export const pythonCodeKind = 4;
const { offsets } = layouts.python_code_event;
/** What the kernel gives room for; a record never has more. */
const maxNameBytes = 128;
const maxFileBytes = 192;
/** Kept of one task: what a program that makes code all the time cannot go beyond. */
const maxCodes = 65_536;
const maxLinesBytes = 32 * 1024 * 1024;
const cut = "…";

/** One Python frame of a stack, leaf first like all frames; all of its text is attacker's input. */
export interface PythonFrame {
  /** Qualified name; "" when its code object could not be read. */
  readonly function: string;
  /** As the interpreter names it; "" when it does not. */
  readonly file: string;
  /** From 1; 0 when only the file is known. */
  readonly line: number;
  /** Where the function begins; 0 when that is not known. */
  readonly startLine: number;
  /** The last frame that one call of the native evaluator runs. */
  readonly isEntry: boolean;
}

interface PythonCode {
  readonly function: string;
  readonly file: string;
  readonly firstLine: number;
  readonly lines: Uint8Array;
}

/**
 * The code objects that the kernel has sent.
 *
 * Source: struct python_code_event; frames are described in python.h.
 * Limits: 65,536 code objects and 32 MiB of their line tables; of names the first 128 bytes, of paths the last 192.
 * Loss: frames of code objects beyond have no name, then no line.
 */
export class PythonCodes {
  readonly #codes = new Map<number, PythonCode>();
  #linesBytes = 0;

  /** Takes a record in. */
  add(view: DataView<ArrayBuffer>, offset: number): void {
    if (this.#codes.size >= maxCodes) return;
    const event = decodePythonCodeEvent(view, offset);
    const linesBytes = this.#linesBytes + event.linesBytes > maxLinesBytes ? 0 : event.linesBytes;
    this.#linesBytes += linesBytes;
    const bytesAt = (field: number, length: number) =>
      new Uint8Array(view.buffer, view.byteOffset + offset + field, length);
    const name = decodePythonText(bytesAt(offsets.name, event.nameBytes), event.nameWidth);
    const file = decodePythonText(bytesAt(offsets.file, event.fileBytes), event.fileWidth);
    this.#codes.set(event.number, {
      function: event.nameBytes === maxNameBytes ? name + cut : name,
      file: event.fileBytes === maxFileBytes ? cut + file : file,
      firstLine: event.firstLine,
      // A copy: the record's memory is the ring's.
      lines: bytesAt(offsets.lines, linesBytes).slice(),
    });
  }

  /** Names the Python frames of a stack. */
  nameFrames(words: BigUint64Array): PythonFrame[] {
    return Array.from(words, (word) => {
      const code = this.#codes.get(Number(word >> 32n & 0x3fff_ffffn));
      const instruction = Number(BigInt.asIntN(32, word));
      return {
        function: code?.function ?? "",
        file: code?.file ?? "",
        line: code === undefined ? 0 : findLine(code.lines, code.firstLine, instruction),
        startLine: code?.firstLine ?? 0,
        isEntry: (word >> 62n & 1n) === 1n,
      };
    });
  }
}
