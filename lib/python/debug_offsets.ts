import type { ByteSource } from "../bytes/byte_source.ts";
import { Cursor } from "../bytes/cursor.ts";
import { noCframe, type PythonLayout } from "./layout.ts";

const cookie = "xdebugpy";
/** What `struct python_process_value` and the masks of the BPF programs have room for. */
const maxRuntimeOffset = 0xfffe;
const maxFrameOffset = 120;
const maxCodeOffset = 248;
/** Same in all supported versions, so the BPF programs know them. */
const textLengthOffset = 16;
const textStateOffset = 32;
const bytesSizeOffset = 16;
const bytesDataOffset = 32;
/** PyCompactUnicodeObject is a PyASCIIObject, utf8_length and utf8. */
const utf8Bytes = 16;

/** Fields in their order, up to the last that is used. */
const fields = [
  ...["version", "freeThreaded", "runtimeSize", "finalizing", "runtimeInterpreters"],
  ...["interpreterSize", "interpreterId", "interpreterNext", "interpreterThreads", "gc", "importsModules"],
  ...["sysdict", "builtins", "cevalGil", "gil", "gilEnabled", "gilLocked", "gilHolder"],
  ...["threadSize", "threadPrevious", "threadNext", "threadInterpreter", "threadFrame", "threadId"],
  ...["nativeThreadId", "datastackChunk", "status"],
  ...["frameSize", "framePrevious", "frameCode", "frameInstruction", "localsplus", "frameOwner"],
  ...["codeSize", "codeFile", "codeShortName", "codeName", "codeLines", "codeFirstLine", "argumentCount"],
  ...["localsplusnames", "localspluskinds", "codeInstructions"],
  ...["objectSize", "objectType", "typeSize", "typeName", "typeRepr", "typeFlags"],
  ...["tupleSize", "tupleItem", "tupleCount", "listSize", "listItem", "listCount"],
  ...["dictSize", "dictKeys", "dictValues", "floatSize", "floatValue", "longSize", "longTag", "longDigit"],
  ...["bytesSize", "bytesCount", "bytesData", "textSize", "textState", "textLength", "asciiBytes"],
] as const;

/**
 * Reads how CPython 3.13 describes itself; undefined when it does not, has no GIL, or has a layout that cannot be.
 *
 * Source: struct _Py_DebugOffsets at the beginning of _PyRuntime, as it is in the file.
 * Shape: the cookie "xdebugpy", then 64-bit numbers.
 */
export function readDebugOffsets(source: ByteSource, fileOffset: number): PythonLayout | undefined {
  const cursor = new Cursor(source, 1000);
  if (cursor.text(fileOffset, cookie.length) !== cookie) return undefined;
  const read = Object.fromEntries(
    fields.map((field, position) => [field, cursor.u64(fileOffset + cookie.length + 8 * position)]),
  ) as Record<(typeof fields)[number], number>;
  const fixed = read.textLength === textLengthOffset && read.textState === textStateOffset &&
    read.bytesCount === bytesSizeOffset && read.bytesData === bytesDataOffset;
  if (cursor.failed || !fixed || read.freeThreaded !== 0) return undefined;
  const runtime = {
    runtimeInterpreters: read.runtimeInterpreters,
    interpreterNext: read.interpreterNext,
    interpreterThreads: read.interpreterThreads,
    threadPrevious: read.threadPrevious,
    threadNext: read.threadNext,
    threadInterpreter: read.threadInterpreter,
    threadId: read.threadId,
    threadFrame: read.threadFrame,
  };
  const frame = {
    frameCode: read.frameCode,
    framePrevious: read.framePrevious,
    frameInstruction: read.frameInstruction,
  };
  const code = {
    codeFile: read.codeFile,
    codeName: read.codeName,
    codeLines: read.codeLines,
    codeFirstLine: read.codeFirstLine,
  };
  const sizes = { codeInstructions: read.codeInstructions, asciiBytes: read.asciiBytes };
  if (
    !areWithin(runtime, maxRuntimeOffset) || !areWithin(frame, maxFrameOffset, 8) ||
    !areWithin({ owner: read.frameOwner }, maxFrameOffset) || !areWithin(code, maxCodeOffset - 8, 4) ||
    !areWithin(sizes, maxRuntimeOffset - utf8Bytes)
  ) return undefined;
  return {
    ...runtime,
    cframeFrame: noCframe,
    ...frame,
    frameEntry: read.frameOwner,
    entryIsShim: 1,
    frameBytes: Math.max(...Object.values(frame), read.frameOwner) + 8 & ~7,
    ...code,
    codeBytes: Math.max(...Object.values(code)) + 8,
    ...sizes,
    compactBytes: read.asciiBytes + utf8Bytes,
  };
}

function areWithin(offsets: Readonly<Record<string, number>>, most: number, alignment = 1): boolean {
  return Object.values(offsets).every((offset) => offset <= most && offset % alignment === 0);
}
