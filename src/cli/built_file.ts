import type { BuildInfo } from "../model/build_info.ts";
import { CommandError } from "./command_error.ts";

const folder = new URL("../../build/", import.meta.url).pathname;

/**
 * Reads a file that the build made and the program needs: `libbpf.so`, `bpf/process.bpf.o`, ...
 * `src/packed/built_file.ts` does the same in the executable.
 *
 * @throws {CommandError} when it is missing: the checkout was not set up.
 */
export function readBuiltFile(path: string): Uint8Array<ArrayBuffer> {
  try {
    return Deno.readFileSync(folder + path);
  } catch (error) {
    throw missing(path, error);
  }
}

/** Reads all files of a built folder, by their names with a slash before them. @throws {CommandError} when it is missing. */
export function readBuiltFolder(path: string): Map<string, Uint8Array<ArrayBuffer>> {
  let entries: Deno.DirEntry[];
  try {
    entries = [...Deno.readDirSync(folder + path)];
  } catch (error) {
    throw missing(path, error);
  }
  return new Map(entries.map(({ name }) => [`/${name}`, readBuiltFile(`${path}/${name}`)]));
}

/** How this program was made. */
export function readBuildInfo(): BuildInfo {
  return { commit: "unknown", runtime: "source" };
}

/** Where the file lies, for what takes no bytes. */
export function builtFilePath(path: string): string | undefined {
  return folder + path;
}

function missing(path: string, cause: unknown): CommandError {
  return new CommandError(`A built file is missing: build/${path}; run ./scripts/setup`, {
    exitCode: 1,
    cause,
  });
}
