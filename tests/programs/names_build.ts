import { repositoryRoot } from "../../scripts/command.ts";

/** Compiles one of the C or C++ programs here to `output`. @throws {Error} with the compiler's words. */
export async function buildProgram(
  source: string,
  output: string,
  flags: string[] = [],
  compiler = source.endsWith(".cc") ? "g++" : "gcc",
): Promise<void> {
  const args = [...flags, "-o", output, `${repositoryRoot}/tests/programs/${source}`];
  const { success, stderr } = await new Deno.Command(compiler, { args, stderr: "piped" }).output();
  if (!success) throw new Error(`${compiler} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

/** A program that runs until it is killed, with the text it printed first. */
export interface RunningProgram extends AsyncDisposable {
  readonly pid: number;
  readonly text: string;
}

/** Starts a program and waits until it has printed something that ends with `until`. */
export async function startProgram(command: string, args: string[], until: string): Promise<RunningProgram> {
  const child = new Deno.Command(command, { args, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
  let ended = false;
  void child.status.then(() => ended = true);
  const decoder = new TextDecoder();
  const reader = child.stdout.getReader();
  let text = "";
  while (!text.endsWith(until)) {
    const { value } = await reader.read();
    if (value === undefined) {
      const { stderr } = await collect(child);
      throw new Error(`${command} ended before it was ready: ${stderr}`);
    }
    text += decoder.decode(value, { stream: true });
  }
  return {
    pid: child.pid,
    text,
    async [Symbol.asyncDispose]() {
      // A test may have ended it already.
      if (!ended) child.kill("SIGKILL");
      await Promise.all([child.status, reader.cancel(), child.stderr.cancel()]);
    },
  };
}

/** What a command prints. @throws {Error} when it fails. */
export async function readOutput(command: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    stdout: "piped",
    stderr: "piped",
  })
    .output();
  if (!success) throw new Error(`${command}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

async function collect(child: Deno.ChildProcess): Promise<{ stderr: string }> {
  const stderr = await new Response(child.stderr).text();
  await child.status;
  return { stderr };
}

/** So many addresses spread over functions, the same each time. */
export function sampleAddresses(
  functions: readonly { start: number; size: number }[],
  count: number,
): number[] {
  const sized = functions.filter(({ size }) => size > 0);
  return Array.from({ length: count }, (_, index) => {
    const { start, size } = sized[(index * 7919) % sized.length]!;
    return start + (index * 104_729) % size;
  });
}
