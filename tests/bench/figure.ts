/** One line of the table of figures. */
export interface FigureRow {
  /** What was measured, with its unit. */
  what: string;
  /** With its interval. */
  ours: string;
  /** What ours is compared with, its name and figure; "" where there is nothing to compare. */
  alternative: string;
  target: string;
  /** Whether ours met the target in this run. */
  met: boolean;
  /** What the figures were made of: runs, seconds, load. */
  basis: string;
}

/** One measurement. It needs root, a quiet machine and at least two CPUs; it leaves nothing running. */
export interface Figure {
  name: string;
  measure(): Promise<FigureRow[]>;
}
