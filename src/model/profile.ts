/**
 * What became of the samples of one profile, or of a part of one. At the end of a task taken = stored + lostKernel +
 * lostAgent, exactly.
 */
export interface LossCounts {
  /** Samples that hit the target. */
  readonly taken: number;
  /** Samples in the chunks. */
  readonly stored: number;
  /** Samples the kernel could not keep. */
  readonly lostKernel: number;
  /** Samples dropped between kernel and queue. */
  readonly lostAgent: number;
  /** Stored samples whose stack was cut at 127 frames. */
  readonly truncated: number;
}

/** Counts of a profile that has not begun. */
export const noLoss: LossCounts = { taken: 0, stored: 0, lostKernel: 0, lostAgent: 0, truncated: 0 };

/** Sum of two parts of one profile. */
export function addLoss(left: LossCounts, right: LossCounts): LossCounts {
  return {
    taken: left.taken + right.taken,
    stored: left.stored + right.stored,
    lostKernel: left.lostKernel + right.lostKernel,
    lostAgent: left.lostAgent + right.lostAgent,
    truncated: left.truncated + right.truncated,
  };
}
