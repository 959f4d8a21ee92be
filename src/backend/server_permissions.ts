import process from "node:process";

/** Gives up native code and other programs. Call it first, before anything from outside is read. */
export function dropNativePermissions(): void {
  for (const name of ["ffi", "run"] as const) Deno.permissions.revokeSync({ name });
}

/**
 * Gives up all that a server does not need once it has its settings: native code, other programs, the system's
 * interfaces, the environment. Workers started later have no more than what is left. Call it before it serves.
 */
export function dropServerPermissions(): void {
  dropNativePermissions();
  for (const name of ["sys", "env"] as const) Deno.permissions.revokeSync({ name });
  // The YAML parser asks for debug variables as it works: it finds an empty environment instead of an error.
  Object.defineProperty(process, "env", { value: Object.freeze({}) });
}
