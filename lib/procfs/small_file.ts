/**
 * Reads the first bytes of a file below /proc into `buffer`.
 *
 * Returns how many; undefined when it cannot be opened or read, which for another process's file mostly means that the
 * process is gone.
 * Limits: `buffer.length`; what is beyond is left unread.
 */
export function readSmallFile(path: string, buffer: Uint8Array): number | undefined {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path);
  } catch {
    return undefined;
  }
  try {
    let length = 0;
    while (length < buffer.length) {
      const count = file.readSync(buffer.subarray(length));
      if (count === null || count === 0) break;
      length += count;
    }
    return length;
  } catch {
    return undefined;
  } finally {
    file.close();
  }
}
