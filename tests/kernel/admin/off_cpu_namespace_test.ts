import assert from "node:assert/strict";
import { repositoryRoot } from "../../../scripts/command.ts";

/** Runs tests of another file in a pid namespace of their own. */
async function runInNamespace(file: string, filter: string): Promise<{ passed: number; output: string }> {
  const { stdout, stderr } = await new Deno.Command("unshare", {
    args: [
      ...["--pid", "--fork", "--mount-proc", Deno.execPath(), "test", "-A", "--no-check"],
      ...["--config", `${repositoryRoot}/deno.json`, "--filter", filter, `${repositoryRoot}/${file}`],
    ],
    env: { NO_COLOR: "1" },
  }).output();
  const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  return { passed: Number(/(\d+) passed \| 0 failed/.exec(output)?.[1] ?? 0), output };
}

Deno.test("off_cpu knows its targets by the agent's pid namespace", async () => {
  const { passed, output } = await runInNamespace(
    "tests/kernel/off_cpu_test.ts",
    "/known sleep|waited before/",
  );
  assert.equal(passed, 2, output);
});
