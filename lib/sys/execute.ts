import { encodeCString } from "./c_string.ts";
import { errnoText } from "./errno_name.ts";
import { errno, libc } from "./syscall.ts";

/**
 * Replaces this process by another program, keeping its pid; does not return. All other threads end, and with them
 * every pending promise.
 *
 * @throws {Error} when the program cannot be executed; this process then goes on.
 */
export function executeAnew(
  path: string,
  args: readonly string[],
  environment: Record<string, string>,
): never {
  const keep: Uint8Array<ArrayBuffer>[] = [];
  const argumentList = pointerList([path, ...args], keep);
  const environmentList = pointerList(
    Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    keep,
  );
  libc().execve(encodeCString(path), argumentList, environmentList);
  const reason = errnoText(errno());
  throw new Error(`Cannot execute ${path}: ${reason} (${keep.length} strings passed)`);
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
