/** Formats TypeScript, JSON and Markdown with Deno and C with clang-format; `--check` only tells. */
import { repositoryRoot, runCommand } from "./command.ts";
import { listFiles } from "./files.ts";

const check = Deno.args.includes("--check");
const sources = [
  ...await listFiles("bpf", /\.[ch]$/),
  ...await listFiles("scripts/launcher", /\.[ch]$/),
  ...await listFiles("tests/programs", /\.(c|h|cc)$/),
];
const options = { cwd: repositoryRoot };

try {
  await runCommand(`${repositoryRoot}/scripts/deno`, check ? ["fmt", "--check"] : ["fmt"], options);
  if (sources.length > 0) {
    const flags = check ? ["--dry-run", "--Werror"] : ["-i"];
    await runCommand("clang-format", ["--style=file", ...flags, ...sources], options);
  }
} catch {
  // The tool has said which files and lines.
  Deno.exit(1);
}
