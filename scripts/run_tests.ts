/**
 * Runs the gate and every folder of tests, each with a time limit, and ends with one line
 * `N passed, N failed, N skipped`; the exit code is 1 when anything failed. A skipped test that is not on
 * tests/allowed_skips.txt counts as failed. A suite in which something failed is run once more, with nothing beside it, and
 * that counts. Called by scripts/test, which sets the machine up first. Arguments
 * name the suites to run (`ok`, `kernel`, ...); all of them when there is none.
 */
import { fourCapabilities, nobody, nobodyWith } from "../tests/support/rights.ts";
import { repositoryRoot, runCommand } from "./command.ts";
import { listFiles } from "./files.ts";
import { parseAllowedSkips, parseTestReport } from "./test_report.ts";

interface Suite {
  name: string;
  limitSeconds: number;
  /** Where the report goes, when not where those of the others do. */
  report?: string;
  /** Beside this process's own. */
  env?: Record<string, string>;
  /** Whether dist/stakeout has to be built. */
  needsExecutable?: boolean;
  command: (report: string) => string[];
}

const deno = `${repositoryRoot}/scripts/deno`;
const results = `${repositoryRoot}/test-results`;
const executable = `${repositoryRoot}/dist/stakeout`;
const folders = [
  ["kernel", 500],
  ["cli", 300],
  ["fault", 200],
  ["system", 500],
  ["fuzz", 150],
  ["e2e", 400],
  ["skywalking", 300],
  ["executable", 400],
  ["vm", 600],
] as const;
/** The others run one after the other beside these: most of them wait most of the time, and there are two cores at least. */
const firstLane = ["kernel", "fault", "system", "fuzz"];

const suites: Suite[] = [{
  name: "ok",
  limitSeconds: 300,
  command: (report) => [deno, "run", "-A", "scripts/ok.ts", `--junit-path=${report}`],
}];
for (const [name, limitSeconds] of folders) {
  const files = await listFiles(`tests/${name}`, /_test\.ts$/);
  if (files.length === 0) continue;
  suites.push({
    ...{ name, limitSeconds, needsExecutable: name === "executable" || name === "vm" },
    // Most of these wait for an agent's clock: several files at once.
    command: (report) => denoTest(report, name === "skywalking" ? ["--parallel", ...files] : files),
  });
  if (name === "kernel" && Deno.uid() === 0) suites.push(await makeRightsSuite(files));
}

// The main job once more, with the executable alone in an empty root instead of the source tree.
const mainJob = [
  ...await listFiles("tests/system", /^(watch|record)_test\.ts$/),
  "tests/e2e/main_job_test.ts",
];
suites.push({
  ...{ name: "packed", limitSeconds: 300, needsExecutable: true },
  env: { STAKEOUT_TEST_EXECUTABLE: executable },
  command: (report) => denoTest(report, mainJob),
});

await Deno.mkdir(results, { recursive: true });
const allowedSkips = parseAllowedSkips(await Deno.readTextFile(`${repositoryRoot}/tests/allowed_skips.txt`));
let [passed, failed, skipped] = [0, 0, 0];
const wanted = suites.filter(({ name }) => Deno.args.length === 0 || Deno.args.includes(name));
if (wanted.length < Deno.args.length) {
  say(`error: unknown suite; known are ${suites.map(({ name }) => name).join(", ")}`);
  Deno.exit(2);
}
if (wanted.some(({ needsExecutable }) => needsExecutable)) {
  await runCommand(deno, ["run", "-A", "scripts/build.ts", "--runtime=deno"], { cwd: repositoryRoot });
}
const [gate, first, second] = [["ok"], firstLane, undefined].map((names) =>
  wanted.filter(({ name }) => names?.includes(name) ?? (name !== "ok" && !firstLane.includes(name)))
);
const again: Suite[] = [];
await runInTurn(gate!);
await Promise.all([runInTurn(first!), runInTurn(second!)]);
for (const suite of again) {
  say(`once more, alone: ${suite.name}`);
  count(await runSuite(suite));
}
say(`${passed} passed, ${failed} failed, ${skipped} skipped`);
Deno.exit(failed > 0 ? 1 : 0);

/** Many tests wait for something to happen in time, beside another lane's: what fails here is told, and counts if it fails again. */
async function runInTurn(lane: readonly Suite[]): Promise<void> {
  for (const suite of lane) {
    const counts = await runSuite(suite);
    if (counts.failed > 0) again.push(suite);
    else count(counts);
  }
}

function count(counts: { passed: number; failed: number; skipped: number }): void {
  passed += counts.passed;
  failed += counts.failed;
  skipped += counts.skipped;
}

/** The kernel tests once more, with an agent's rights alone; those of tests/kernel/admin need CAP_SYS_ADMIN besides. */
async function makeRightsSuite(files: string[]): Promise<Suite> {
  for (const place of [`${repositoryRoot}/build/tests/${nobody}`, `${results}/rights`]) {
    await Deno.mkdir(place, { recursive: true });
    await Deno.chown(place, nobody, nobody);
  }
  const ordinary = files.filter((file) => !file.startsWith("tests/kernel/admin/"));
  return {
    name: "rights",
    limitSeconds: 500,
    report: `${results}/rights/rights.xml`,
    command: (report) => [...nobodyWith(fourCapabilities), ...denoTest(report, ordinary)],
  };
}

function denoTest(report: string, files: string[]): string[] {
  return [deno, "test", "-A", "--no-check", `--junit-path=${report}`, ...files];
}

async function runSuite({ name, limitSeconds, command, report, env }: Suite) {
  const started = performance.now();
  const path = report ?? `${results}/${name}.xml`;
  await Deno.remove(path).catch(() => {});
  // `timeout` leads a process group of its own, so that what a hanging test started ends with it.
  const child = await new Deno.Command("timeout", {
    args: ["--kill-after=10", String(limitSeconds), ...command(path)],
    cwd: repositoryRoot,
    stdin: "null",
    env: { NO_COLOR: "1", ...env },
  }).output();
  const { passed, failed, skipped } = parseTestReport(await Deno.readTextFile(path).catch(() => ""));
  const surprising = skipped.filter((test) => !allowedSkips.has(test));
  const faults = [
    ...failed.map((test) => `failed: ${test}`),
    ...surprising.map((test) => `skipped without being on tests/allowed_skips.txt: ${test}`),
  ];
  if (child.code === 124 || child.code === 137) faults.push(`not done after ${limitSeconds} s`);
  else if (child.code !== 0 && failed.length === 0) faults.push(`ended with code ${child.code}`);

  const time = ((performance.now() - started) / 1000).toFixed(1);
  if (faults.length > 0) {
    const decoder = new TextDecoder();
    say((decoder.decode(child.stdout) + decoder.decode(child.stderr)).trimEnd());
    for (const fault of faults) say(`${name}: ${fault}`);
  }
  const verdict = faults.length === 0 ? "ok    " : "FAILED";
  say(
    `${verdict} ${name}: ${passed} passed, ${faults.length} failed, ${
      skipped.length - surprising.length
    } skipped, ${time} s`,
  );
  return { passed, failed: faults.length, skipped: skipped.length - surprising.length };
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(line + "\n"));
}
