import process from "node:process";

const dropped: readonly Deno.PermissionDescriptor[] = [
  { name: "ffi" },
  { name: "run" },
  { name: "sys" },
  { name: "env" },
];

/**
 * Gives up what a server never needs: native code, other programs, the system's interfaces, the environment. Workers
 * started later have no more than what is left. Call it first, before anything from outside is read.
 */
export function dropServerPermissions(): void {
  for (const descriptor of dropped) Deno.permissions.revokeSync(descriptor);
  // The YAML parser asks for debug variables as it works: it finds an empty environment instead of an error.
  Object.defineProperty(process, "env", { value: Object.freeze({}) });
}
