/**
 * Reads which files of the host a linker took in.
 *
 * Source: what `ld --dependency-file` writes: `output: \` and a file a line, then a rule for each file.
 * @returns absolute paths, as they are without links; the objects of this project and shared libraries are left out.
 */
export async function readLinkedFiles(dependencyFile: string): Promise<string[]> {
  const [rule = ""] = (await Deno.readTextFile(dependencyFile)).split("\n\n");
  const paths = rule.split(/\s+\\?\s*/).slice(1).filter((path) => path.startsWith("/usr/lib/"));
  const linked = await Promise.all(paths.map((path) => Deno.realPath(path)));
  return linked.filter((path) => /\.[ao]$/.test(path));
}
