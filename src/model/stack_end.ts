/** What people are told of how the walk of a user stack ended. */
export interface StackEndWords {
  /** As in the wire's StackEnd. */
  readonly name: string;
  /** Some words for a line. */
  readonly short: string;
  /** One sentence. */
  readonly meaning: string;
  /** Whether frames towards the stack's beginning are missing. */
  readonly isCut: boolean;
}

/** Every end that is known, in the order in which they are shown. */
export const stackEnds: readonly StackEndWords[] = [{
  ...{ name: "WHOLE", isCut: false },
  short: "whole",
  meaning: "The walk reached the program's start, or that of the thread.",
}, {
  ...{ name: "FRAME_POINTERS", isCut: false },
  short: "by frame pointers until tables were ready",
  meaning: "Unwind tables were still being compiled: functions may be missing anywhere.",
}, {
  ...{ name: "NO_TABLE", isCut: true },
  short: "no table",
  meaning: "The code has neither unwind information nor frame pointers.",
}, {
  ...{ name: "BAD_MEMORY", isCut: true },
  short: "bad memory",
  meaning: "The stack's memory could not be read there, or made no sense.",
}, {
  ...{ name: "TOO_DEEP", isCut: true },
  short: "over 127 frames",
  meaning: "What is deeper than 127 frames is left out.",
}, {
  ...{ name: "OVER_BUDGET", isCut: true },
  short: "table too large",
  meaning: "The code's unwind table would take more memory than tables may have.",
}, {
  ...{ name: "PENDING", isCut: true },
  short: "table not ready",
  meaning: "The code's unwind table was still being compiled, and it has no frame pointers.",
}, {
  ...{ name: "UNSPECIFIED", isCut: false },
  short: "without a user stack",
  meaning: "There was no user stack.",
}];
