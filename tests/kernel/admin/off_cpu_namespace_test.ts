import assert from "node:assert/strict";
import { repositoryRoot } from "../../../scripts/command.ts";

Deno.test("off_cpu knows its targets by the agent's pid namespace", async () => {
  const reader = `${repositoryRoot}/tests/kernel/admin/off_cpu_reader.ts`;
  const deno = [
    Deno.execPath(),
    "run",
    "-A",
    "--no-check",
    "--config",
    `${repositoryRoot}/deno.json`,
    reader,
  ];
  const { code, stdout, stderr } = await new Deno.Command("unshare", {
    args: ["--pid", "--fork", "--mount-proc", ...deno],
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const { pid, pids, waits } = JSON.parse(new TextDecoder().decode(stdout));
  assert.ok(pid < 100, `${pid} is no pid of a young namespace`);
  assert.deepEqual(pids, [pid]);
  // 23 sleeps, and the reads of its input before and after; who is preempted on the way to sleep may miss one.
  assert.ok(waits >= 20 && waits <= 26, `${waits} waits`);
});
