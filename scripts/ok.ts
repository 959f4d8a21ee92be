/**
 * The gate: format, lint with the house's rules, types of server and browser code, cycles, generated files, unit
 * tests. One line a step with its time; stops at the first that fails and shows what it said. Needs no root.
 * Arguments go to `deno test` (such as `--junit-path=FILE`).
 */
import { repositoryRoot } from "./command.ts";
import { listFiles } from "./files.ts";

const deno = `${repositoryRoot}/scripts/deno`;
const serverFiles = [
  "main.ts",
  ...await listFiles("lib", /\.ts$/),
  ...(await listFiles("src", /\.ts$/)).filter((path) => !path.startsWith("src/ui/")),
  ...await listFiles("scripts", /\.ts$/),
  ...(await listFiles("tests", /\.ts$/)).filter((path) => !path.startsWith("tests/fuzz/corpus/")),
];
// By name: of a folder that holds a member of the workspace, `deno test` takes that member's files alone.
const unitTests =
  (await Promise.all(["lib", "src", "scripts"].map((folder) => listFiles(folder, /_test\.tsx?$/))))
    .flat();
const browserFiles = await listFiles("src/ui", /\.tsx?$/);

interface Step {
  name: string;
  command: string[];
}

const steps: Step[] = [
  { name: "format", command: [deno, "run", "-A", "scripts/format.ts", "--check"] },
  { name: "lint", command: [deno, "lint", "--quiet"] },
  { name: "types of the server", command: [deno, "check", "--quiet", ...serverFiles] },
  { name: "types of the browser", command: [deno, "check", "--quiet", ...browserFiles] },
  { name: "cycles", command: [deno, "run", "-A", "scripts/find_cycles.ts"] },
  { name: "generated from BTF", command: [deno, "run", "-A", "scripts/gen_records.ts", "--check"] },
  { name: "generated from proto", command: [deno, "run", "-A", "scripts/gen_proto.ts", "--check"] },
  {
    name: "unit tests",
    command: [
      deno,
      "test",
      "-A",
      "--no-check",
      "--trace-leaks",
      "--parallel",
      "--permit-no-files",
      ...Deno.args,
      ...unitTests,
    ],
  },
];

const started = performance.now();
for (const { name, command } of steps) {
  const stepStarted = performance.now();
  const { code, stdout, stderr } = await new Deno.Command(command[0]!, {
    args: command.slice(1),
    cwd: repositoryRoot,
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  const counts = text.match(/^(?:ok|FAILED) \| (.*) \(/m)?.[1];
  say(
    `${code === 0 ? "ok    " : "FAILED"} ${name} ${seconds(stepStarted)}${
      counts === undefined ? "" : ` (${counts})`
    }`,
  );
  if (code !== 0) {
    say(text.trimEnd());
    Deno.exit(1);
  }
}
say(`ok     all ${seconds(started)}`);

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(line + "\n"));
}
