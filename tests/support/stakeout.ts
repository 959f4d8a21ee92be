import { repositoryRoot } from "../../scripts/command.ts";
import { sleep, waitFor } from "./wait.ts";

/** How a command is run. */
export interface StakeoutOptions {
  readonly env?: Record<string, string>;
  /** A command that runs it, such as {@linkcode nobodyWith} or `unshare`. */
  readonly under?: readonly string[];
}

/** A command that came to its end. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  /** Lines of standard error. */
  readonly errors: string[];
}

/** A command that runs; it is killed when the scope ends. */
export interface RunningStakeout extends AsyncDisposable {
  readonly pid: number;
  /** Lines of standard output and error so far, in the order they came. */
  readonly lines: string[];
  /** Waits for a line, one that has come already too. @throws {Error} with all lines when it does not come. */
  waitForLine(pattern: RegExp, seconds?: number): Promise<string>;
  kill(signal: Deno.Signal): void;
  /** Waits for the end and returns the exit code, 128 + number for a signal. @throws {Error} when it does not end. */
  ended(seconds?: number): Promise<number>;
}

/** Set by scripts/run_tests.ts: the tests then run the executable instead of the source, alone in an empty root. */
const executable = Deno.env.get("STAKEOUT_TEST_EXECUTABLE");

/** The command line that runs the program from source, without the set-up that scripts/stakeout does, or the executable. */
export function stakeoutCommand(
  args: readonly string[],
  under: readonly string[] = [],
): [string, ...string[]] {
  if (executable !== undefined) {
    // Under another program it may have no right to mount: it gets the executable as it lies there.
    const inRoot = [`${repositoryRoot}/scripts/minimal_root`, "--volume", "/tmp"];
    return [...under.length > 0 ? under : inRoot, executable, ...args] as [string, ...string[]];
  }
  const run = [
    "run",
    "-A",
    "--no-prompt",
    "--quiet",
    "--no-check",
    "--config",
    `${repositoryRoot}/deno.json`,
  ];
  return [...under, `${repositoryRoot}/scripts/deno`, ...run, `${repositoryRoot}/main.ts`, ...args] as [
    string,
    ...string[],
  ];
}

/** Starts a command, with nothing of this user's settings. */
export function startStakeout(args: readonly string[], options: StakeoutOptions = {}): RunningStakeout {
  const [command, ...rest] = stakeoutCommand(args, options.under);
  const child = new Deno.Command(command, {
    args: rest,
    clearEnv: true,
    env: { PATH: Deno.env.get("PATH") ?? "", HOME: "/nonexistent", NO_COLOR: "1", ...options.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const lines: string[] = [];
  const reading = Promise.all([child.stdout, child.stderr].map((stream) => readLines(stream, lines)));
  let code: number | undefined;
  void child.status.then((status) => code = status.code);
  const what = `stakeout ${args[0]}`;
  return {
    pid: child.pid,
    lines,
    async waitForLine(pattern, seconds = 30) {
      const find = () => lines.find((one) => pattern.test(one));
      const line = await waitFor(() => find() ?? (code === undefined ? undefined : ""), seconds);
      // What was written last may still be in the pipe.
      if (line === "") await sleep(200);
      const found = line || find();
      if (found !== undefined) return found;
      throw new Error(`${what} did not say ${pattern}:\n${lines.join("\n")}`);
    },
    kill: (signal) => child.kill(signal),
    async ended(seconds = 30) {
      const found = await waitFor(() => code, seconds);
      if (found === undefined) {
        throw new Error(`${what} did not end within ${seconds} s:\n${lines.join("\n")}`);
      }
      await Promise.race([reading, sleep(200)]);
      return found;
    },
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended already.
      }
      await child.status;
      await reading;
    },
  };
}

/** Runs a command to its end. @throws {Error} when that takes over `seconds`. */
export async function runStakeout(
  args: readonly string[],
  { seconds = 30, ...options }: StakeoutOptions & { seconds?: number } = {},
): Promise<Outcome> {
  const [command, ...rest] = stakeoutCommand(args, options.under);
  const { code, stdout, stderr } = await new Deno.Command("timeout", {
    args: ["--signal=KILL", String(seconds), command, ...rest],
    clearEnv: true,
    env: { PATH: Deno.env.get("PATH") ?? "", HOME: "/nonexistent", NO_COLOR: "1", ...options.env },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  const errors = decoder.decode(stderr).split("\n").filter((line) => line !== "");
  if (code === 137) throw new Error(`stakeout ${args.join(" ")} did not end within ${seconds} s: ${errors}`);
  return { code, stdout: decoder.decode(stdout), errors };
}

async function readLines(stream: ReadableStream<Uint8Array>, lines: string[]): Promise<void> {
  let rest = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + part).split("\n");
    rest = parts.pop()!;
    lines.push(...parts);
  }
  if (rest !== "") lines.push(rest);
}
