import { CommandError } from "./command_error.ts";

/**
 * Reads a file that the build made and the program needs: `libbpf.so`, `bpf/process.bpf.o`, `ui/index.html`, ...
 * @throws {CommandError} when it is missing: the checkout was not set up.
 */
export function readBuiltFile(path: string): Uint8Array<ArrayBuffer> {
  try {
    return Deno.readFileSync(builtFilePath(path));
  } catch (error) {
    throw new CommandError(`A built file is missing: build/${path}; run ./scripts/setup`, {
      exitCode: 1,
      cause: error,
    });
  }
}

/** Where a file that the build made lies. */
export function builtFilePath(path: string): string {
  return new URL(`../../build/${path}`, import.meta.url).pathname;
}
