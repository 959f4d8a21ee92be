/** Runs the program from source as a user would, in an environment without anybody's settings. */

export interface Outcome {
  code: number;
  stdout: string;
  /** Lines of standard error. */
  errors: string[];
}

const root = new URL("../..", import.meta.url).pathname;

/** Runs one command line to its end; a hang ends it after 20 s with code 124. */
export async function runProgram(
  args: readonly string[],
  options: { stdin?: string; env?: Record<string, string>; home?: string } = {},
): Promise<Outcome> {
  const home = options.home ?? "/nonexistent";
  const child = new Deno.Command("timeout", {
    args: [
      "20",
      `${root}scripts/deno`,
      ...[
        "run",
        "-A",
        "--no-prompt",
        "--quiet",
        "--no-check",
        "--config",
        `${root}deno.json`,
        `${root}main.ts`,
        ...args,
      ],
    ],
    clearEnv: true,
    env: {
      PATH: Deno.env.get("PATH") ?? "",
      HOME: home,
      STAKEOUT_STATE: `${home}/state`,
      NO_COLOR: "1",
      ...options.env,
    },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  // A command that does not read its input may be gone already.
  await writer.write(new TextEncoder().encode(options.stdin ?? "")).catch(() => {});
  await writer.close().catch(() => {});
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    errors: decoder.decode(stderr).split("\n").filter((line) => line !== ""),
  };
}
