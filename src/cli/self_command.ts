/**
 * The command line that starts this very program again with other arguments, whichever way it was started: the runtime and
 * its flags as they stand in this process's own command line. `heapMegabytes` limits the new process's JavaScript heap,
 * where the runtime takes flags: an executable made by `deno compile` takes none.
 */
export function selfCommand(args: readonly string[], heapMegabytes?: number): [string, ...string[]] {
  const words = Deno.readTextFileSync("/proc/self/cmdline").split("\0").slice(1, -1);
  const own = words.slice(0, words.length - Deno.args.length);
  const limited = heapMegabytes === undefined ? own : limitHeap(own, heapMegabytes);
  // Not by its path: that may lie where another uid may not go, or hold another version by now.
  return ["/proc/self/exe", ...limited, ...args];
}

/** Only the last `--v8-flags` would count. */
function limitHeap(words: readonly string[], megabytes: number): string[] {
  const limit = `--max-old-space-size=${megabytes}`;
  const given = words.findIndex((word) => word.startsWith("--v8-flags="));
  if (given >= 0) return words.with(given, `${words[given]},${limit}`);
  const run = words.indexOf("run");
  return run < 0 ? [...words] : words.toSpliced(run + 1, 0, `--v8-flags=${limit}`);
}
