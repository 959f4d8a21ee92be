/** Where one version of CPython keeps what a stack is made of: offsets and sizes in bytes, on 64-bit machines. */
export interface PythonLayout {
  readonly runtimeInterpreters: number;
  readonly interpreterNext: number;
  readonly interpreterThreads: number;
  readonly threadPrevious: number;
  readonly threadNext: number;
  readonly threadInterpreter: number;
  /** Of what pthread_self() returned. */
  readonly threadId: number;
  readonly threadFrame: number;
  /** Of the frame in the structure that `threadFrame` points at; `noCframe` when that is the frame itself. */
  readonly cframeFrame: number;
  readonly frameCode: number;
  readonly framePrevious: number;
  readonly frameInstruction: number;
  /** Of a byte: `is_entry`, or when entries are shims, `owner`. */
  readonly frameEntry: number;
  /** 1 when each call of the native evaluator has a frame of its own at its bottom, which runs no code. */
  readonly entryIsShim: number;
  /** Bytes of a frame that hold all of these. */
  readonly frameBytes: number;
  readonly codeFirstLine: number;
  readonly codeFile: number;
  readonly codeName: number;
  readonly codeLines: number;
  readonly codeInstructions: number;
  /** Bytes of a code object that hold all of these but the instructions. */
  readonly codeBytes: number;
  /** Of a str that is ASCII, what comes before its characters; and of one that is not. */
  readonly asciiBytes: number;
  readonly compactBytes: number;
}

/** `cframeFrame` of versions that have no such structure. */
export const noCframe = 0xffff;

/**
 * Layouts by version. Within a minor version they are the same from its release on: structures that others were compiled
 * against do not change. From 3.13 on a process describes itself: `readDebugOffsets`.
 */
export const knownLayouts: Readonly<Record<string, PythonLayout>> = {
  "3.11": {
    ...{ runtimeInterpreters: 40, interpreterNext: 0, interpreterThreads: 16 },
    ...{ threadPrevious: 0, threadNext: 8, threadInterpreter: 16, threadId: 152 },
    ...{ threadFrame: 56, cframeFrame: 8 },
    ...{ frameCode: 32, framePrevious: 48, frameInstruction: 56, frameEntry: 68 },
    ...{ entryIsShim: 0, frameBytes: 72 },
    ...{ codeFirstLine: 72, codeFile: 112, codeName: 128, codeLines: 136, codeInstructions: 184 },
    ...{ codeBytes: 144, asciiBytes: 48, compactBytes: 72 },
  },
  "3.12": {
    ...{ runtimeInterpreters: 40, interpreterNext: 0, interpreterThreads: 72 },
    ...{ threadPrevious: 0, threadNext: 8, threadInterpreter: 16, threadId: 136 },
    ...{ threadFrame: 56, cframeFrame: 0 },
    ...{ frameCode: 0, framePrevious: 8, frameInstruction: 56, frameEntry: 70 },
    ...{ entryIsShim: 1, frameBytes: 72 },
    ...{ codeFirstLine: 68, codeFile: 112, codeName: 128, codeLines: 136, codeInstructions: 192 },
    ...{ codeBytes: 144, asciiBytes: 40, compactBytes: 56 },
  },
};
