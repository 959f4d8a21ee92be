import assert from "node:assert/strict";
import { repositoryRoot } from "../../../scripts/command.ts";
import { libbpf } from "../harness.ts";
import { expectNothingNew, listKernelObjects } from "../leak_check.ts";

Deno.test("nothing is left in the kernel when a process that samples and iterates is killed with SIGKILL", async () => {
  const before = listKernelObjects(libbpf);
  const child = new Deno.Command(`${repositoryRoot}/scripts/deno`, {
    args: ["run", "-A", `${repositoryRoot}/tests/kernel/admin/loader.ts`],
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  const during = listKernelObjects(libbpf);
  assert.ok(during.programs.size >= before.programs.size + 2);
  assert.ok(during.links.size >= before.links.size + 2);
  child.kill("SIGKILL");
  await child.status;
  await reader.cancel();
  await expectNothingNew(libbpf, before);
});
