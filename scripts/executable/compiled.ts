/** The executable that `deno compile` makes, where its base runtime can be had. */
import { repositoryRoot } from "../command.ts";
import { v8Flags } from "./runtime_flags.ts";

/**
 * Writes the executable with the given Deno. `DENORT_BIN` names a base runtime of the same version as that Deno; without it
 * Deno downloads one.
 *
 * @returns why it could not, undefined when it could.
 */
export async function writeCompiled(
  target: string,
  files: { deno: string; start: Uint8Array; archive: Uint8Array },
): Promise<string | undefined> {
  // A folder without package.json and node_modules, of the same path each time.
  const folder = `${repositoryRoot}/build/compile`;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeFile(`${folder}/start.js`, files.start);
  await Deno.writeFile(`${folder}/archive`, files.archive);
  const { code, stderr } = await new Deno.Command("timeout", {
    args: [
      ...[
        "300",
        files.deno,
        "compile",
        "-A",
        "--no-prompt",
        "--no-check",
        "--no-config",
        "--no-lock",
        "--no-remote",
        "--no-npm",
      ],
      ...["--no-code-cache", "--unstable-no-legacy-abort", `--v8-flags=${v8Flags}`],
      ...["--include", "archive", "--output", target, "start.js"],
    ],
    cwd: folder,
    env: { NO_COLOR: "1", DENO_DIR: `${folder}/deno_dir` },
    stdin: "null",
  }).output();
  if (code === 0) return await startsNot(target);
  const lines = new TextDecoder().decode(stderr).split("\n").filter((line) => line.trim() !== "");
  return lines.find((line) => /error/i.test(line)) ?? lines.at(-1) ?? `it ended with code ${code}`;
}

/** Deno takes any file for a base runtime: whether it is one shows when the result runs. */
async function startsNot(target: string): Promise<string | undefined> {
  const { code, stdout } = await new Deno.Command("timeout", {
    args: ["60", target, "version"],
    stdin: "null",
  }).output();
  if (code === 0 && new TextDecoder().decode(stdout).startsWith("stakeout ")) return undefined;
  await Deno.remove(target);
  return "what it made does not start";
}
