import { type Check, passCheck } from "./check.ts";

/**
 * Where the executable's runtime lies; nothing where the program brings none of its own.
 * `runtime` is what the launcher sets STAKEOUT_RUNTIME to: a folder, or "memory".
 */
export function checkRuntime(runtime: string | undefined): Check[] {
  if (!runtime) return [];
  if (runtime !== "memory") return [passCheck("runtime", `unpacked in ${runtime}`)];
  return [{
    name: "runtime",
    level: "limited",
    message:
      "runs from memory: each process started anew takes 100 MiB that cannot be paged out, and half a second more",
    fix:
      "let this user write and execute in /var/lib/stakeout, or set XDG_CACHE_HOME to a folder where it may",
  }];
}
