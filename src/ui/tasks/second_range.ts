/** Seconds since the task's start, half open; both 0 for the whole task. */
export interface SecondRange {
  readonly from: number;
  readonly to: number;
}

/** The whole task. */
export const wholeRange: SecondRange = { from: 0, to: 0 };
