/** What the scripts share: where the repository is, running a command, comparing generated folders. */

/** Absolute path of the checkout, without a trailing slash. */
export const repositoryRoot: string = new URL("..", import.meta.url).pathname.replace(/\/$/, "");

/** Runs a command with this process's streams. @throws {Error} when it does not end with 0. */
export async function runCommand(
  command: string,
  args: string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<void> {
  const { code } = await new Deno.Command(command, { args, ...options, stdin: "null" }).spawn().status;
  if (code !== 0) throw new Error(`${command.split("/").at(-1)} ${args.join(" ")} ended with ${code}`);
}

/** Compares two folders of text files. @throws {Error} naming the stale files and the command that renews them. */
export async function compareFolders(fresh: string, committed: string, renew: string): Promise<void> {
  const [one, two] = [await readTree(fresh), await readTree(committed)];
  const stale = [...new Set([...one.keys(), ...two.keys()])].filter((name) =>
    one.get(name) !== two.get(name)
  );
  if (stale.length > 0) throw new Error(`Generated files are stale: ${stale.join(", ")}: run ${renew}`);
}

async function readTree(folder: string, prefix = ""): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) {
      for (const [name, text] of await readTree(path, `${prefix}${entry.name}/`)) files.set(name, text);
    } else {
      files.set(prefix + entry.name, await Deno.readTextFile(path));
    }
  }
  return files;
}
