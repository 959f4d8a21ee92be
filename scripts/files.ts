/** Lists files of the checkout by folder and ending. */
import { repositoryRoot } from "./command.ts";

/** Paths from the repository's root of all files below the folder whose names match, sorted; none where it is missing. */
export async function listFiles(folder: string, name: RegExp): Promise<string[]> {
  const files: string[] = [];
  try {
    for await (const entry of Deno.readDir(`${repositoryRoot}/${folder}`)) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory) files.push(...await listFiles(path, name));
      else if (name.test(entry.name)) files.push(path);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return files.sort();
}
