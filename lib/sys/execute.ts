import { encodeCString } from "./c_string.ts";
import { errnoText } from "./errno_name.ts";
import { errno, libc } from "./syscall.ts";

/** The file this process runs, whatever became of its name: it may be a loader, deleted, or in memory only. */
const ownProgram = "/proc/self/exe";

/**
 * Executes this very program anew with the same arguments and environment, keeping the pid; does not return. All other
 * threads end, and with them every pending promise.
 *
 * @throws {Error} when it cannot be executed; this process then goes on.
 */
export function executeAnew(): never {
  const keep: Uint8Array<ArrayBuffer>[] = [];
  const args = Deno.readTextFileSync("/proc/self/cmdline").split("\0").slice(0, -1);
  const environment = Object.entries(Deno.env.toObject()).map(([name, value]) => `${name}=${value}`);
  const argumentList = pointerList(args, keep);
  const environmentList = pointerList(environment, keep);
  libc().execve(encodeCString(ownProgram), argumentList, environmentList);
  const reason = errnoText(errno());
  throw new Error(`Cannot execute ${ownProgram}: ${reason} (${keep.length} strings passed)`);
}

/**
 * Sets the name that `ps` and `top` show for this process, else the runtime's, and after {@linkcode executeAnew} "exe".
 *
 * Limits: the kernel keeps 15 bytes.
 */
export function nameProcess(name: string): void {
  try {
    Deno.writeTextFileSync("/proc/self/comm", name);
  } catch {
    // A name is worth no failure: /proc may be read-only.
  }
}

/** Returns `char *[]` with its closing NULL. `keep` holds the strings for as long as C may read them. */
function pointerList(texts: string[], keep: Uint8Array<ArrayBuffer>[]): BigUint64Array<ArrayBuffer> {
  const list = new BigUint64Array(texts.length + 1);
  texts.forEach((text, index) => {
    const bytes = encodeCString(text);
    keep.push(bytes);
    list[index] = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));
  });
  return list;
}
