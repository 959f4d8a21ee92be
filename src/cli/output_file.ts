import { CommandError } from "./command_error.ts";
import { describeFileError } from "./describe_file_error.ts";

/** Nobody wants to hear after ten minutes that the file cannot be made. @throws {CommandError} */
export async function checkFolder(outputFile: string): Promise<void> {
  if (outputFile === "-") return;
  const partial = `${outputFile}.part`;
  try {
    await Deno.writeFile(partial, new Uint8Array());
    await Deno.remove(partial);
  } catch (error) {
    throw cannotWrite(outputFile, error);
  }
}

/** What to say when a file cannot be written. */
export function cannotWrite(outputFile: string, cause: unknown): CommandError {
  return new CommandError(`Cannot write ${outputFile}: ${describeFileError(cause)}; give another -o FILE`, {
    ...{ exitCode: 1, cause },
  });
}
