/** Says in a few words why a file could not be read or written. */
export function describeFileError(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "no such file or folder";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  if (error instanceof Deno.errors.IsADirectory) return "it is a folder";
  if (error instanceof Deno.errors.NotADirectory) return "a part of its path is not a folder";
  if (error instanceof Deno.errors.AlreadyExists) return "it exists already";
  const message = error instanceof Error ? error.message : String(error);
  if (/os error 28\b/.test(message)) return "the disk is full";
  if (/os error 30\b/.test(message)) return "the file system is read-only";
  return message;
}
