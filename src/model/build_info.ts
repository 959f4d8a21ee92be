/** How the program was made. */
export interface BuildInfo {
  /** Of the checkout, with "-changed" behind it where files differed from it; "unknown" without git, and for a source tree. */
  readonly commit: string;
  /** What runs it: the base runtime of `deno compile`, the pinned Deno behind a launcher, or that Deno with the source tree. */
  readonly runtime: "denort" | "deno" | "source";
}
