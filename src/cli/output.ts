/** Writes text to standard output whole. A reader that went away (`| head`) is no error. */
export function writeOut(text: string | Uint8Array): void {
  writeAll(Deno.stdout, text);
}

/** Writes one line to standard output. */
export function printLine(line: string): void {
  writeAll(Deno.stdout, line + "\n");
}

/** Writes text to standard error as it is. */
export function writeError(text: string): void {
  writeAll(Deno.stderr, text);
}

/** Writes one line to standard error, where everything goes that is not the command's result. */
export function printNote(line: string): void {
  writeAll(Deno.stderr, line + "\n");
}

/** Prints a value as JSON that people can read as well. */
export function printJson(value: unknown): void {
  printLine(JSON.stringify(value, (_key, part) => typeof part === "bigint" ? Number(part) : part, 2));
}

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string | Uint8Array): void {
  let rest = typeof text === "string" ? new TextEncoder().encode(text) : text;
  try {
    while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
