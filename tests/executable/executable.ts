import { repositoryRoot } from "../../scripts/command.ts";

/** What the build made; scripts/run_tests.ts builds it before these tests. */
export const executable = `${repositoryRoot}/dist/stakeout`;

/** A command that came to its end. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  /** Lines. */
  readonly errors: string[];
}

/** Runs a command with nothing but these variables, killed after a minute. */
export async function run(command: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const { code, stdout, stderr } = await new Deno.Command("timeout", {
    args: ["--signal=KILL", "60", ...command],
    clearEnv: true,
    env: { PATH: Deno.env.get("PATH") ?? "", ...env },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    errors: decoder.decode(stderr).split("\n").filter((line) => line !== ""),
  };
}
