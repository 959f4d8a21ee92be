/**
 * Makes a folder that only this user may look into, or takes the one that is there.
 * @throws {Error} when the path is a symbolic link, no folder, or another user's
 */
export async function openPrivateFolder(folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  const info = await Deno.lstat(folder);
  if (!info.isDirectory) {
    throw new Error(`Cannot use ${folder}: it is not a folder but a link or a file; remove it`);
  }
  if (info.uid !== Deno.uid()) {
    throw new Error(
      `Cannot use ${folder}: it belongs to uid ${info.uid} and this is uid ${Deno.uid()}; choose another state folder`,
    );
  }
  if (((info.mode ?? 0) & 0o077) !== 0) await Deno.chmod(folder, 0o700);
}

/** Whether an error says that the folder cannot be written here, so that going on without is the right thing. */
export function isNotWritable(error: unknown): boolean {
  if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) return true;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "EROFS" || code === "ENOSPC" || code === "EDQUOT";
}

/** Makes new, renamed and deleted names of the folder survive a power loss. */
export async function syncFolder(folder: string): Promise<void> {
  using file = await Deno.open(folder);
  await file.sync();
}

/** Writes all of `bytes` at the file's place. */
export async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) written += await file.write(bytes.subarray(written));
}
