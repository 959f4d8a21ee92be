import { repositoryRoot, runCommand } from "../../scripts/command.ts";

/** A program under watch that runs; it is killed when the scope ends. */
export interface Target extends AsyncDisposable {
  readonly pid: number;
}

/**
 * Compiles tests/programs/SOURCE.c to PATH, so that every caller has its own stacks: with frame pointers and without
 * optimization. A path of one's own is an executable that no other test's policy matches.
 */
export async function compileTarget(
  source: string,
  path: string,
  more: readonly string[] = [],
): Promise<void> {
  const options = ["-O0", "-g", "-fno-omit-frame-pointer", "-pthread", ...more];
  await runCommand("gcc", [...options, "-o", path, `${repositoryRoot}/tests/programs/${source}.c`]);
}

/** Starts a target and waits until it says something. */
export async function startTarget(path: string, ...args: string[]): Promise<Target> {
  const child = new Deno.Command(path, { args, stdin: "null", stdout: "piped" }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  return {
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch {
        // It ended on its own.
      }
      await child.status;
      await reader.cancel();
    },
  };
}
