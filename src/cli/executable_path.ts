/**
 * Absolute path of the one file that is this program, for others to start later; undefined when it runs from a source
 * tree. STAKEOUT_EXECUTABLE is set by a launcher that this process would otherwise not know of.
 */
export function findExecutablePath(): string | undefined {
  return Deno.env.get("STAKEOUT_EXECUTABLE") || (Deno.build.standalone ? Deno.execPath() : undefined);
}
