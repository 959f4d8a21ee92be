/**
 * The command line that starts this very program again with other arguments: the executable when it stands alone, or
 * the pinned Deno with the source tree. `heapMegabytes` limits the new process's JavaScript heap.
 */
export function selfCommand(args: readonly string[], heapMegabytes?: number): [string, ...string[]] {
  if (Deno.build.standalone) return [Deno.execPath(), ...args];
  const limits = heapMegabytes === undefined ? [] : [`--v8-flags=--max-old-space-size=${heapMegabytes}`];
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const config = new URL("../../deno.json", import.meta.url).pathname;
  return [
    Deno.execPath(),
    "run",
    "-A",
    "--no-prompt",
    "--quiet",
    ...limits,
    "--config",
    config,
    main,
    ...args,
  ];
}
