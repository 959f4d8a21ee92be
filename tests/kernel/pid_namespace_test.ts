import assert from "node:assert/strict";
import { repositoryRoot } from "../../scripts/command.ts";
import { compileTarget, libbpf } from "./harness.ts";
import { withoutLeaks } from "./leak_check.ts";

const burn = await compileTarget("burn");

/** Runs tests/kernel/namespace_reader.ts where it sees only itself and what it starts. */
async function readInNamespace(): Promise<
  { iterator: Seen[]; proc: Seen[]; sampledPids: number[]; burner: number }
> {
  const { stdout, success } = await new Deno.Command("unshare", {
    args: [
      ...["--pid", "--fork", "--mount-proc", `${repositoryRoot}/scripts/deno`, "run", "-A"],
      ...[`${repositoryRoot}/tests/kernel/namespace_reader.ts`, burn],
    ],
    stderr: "inherit",
  }).output();
  assert.ok(success);
  return JSON.parse(new TextDecoder().decode(stdout));
}

interface Seen {
  pid: number;
  parentPid: number;
  name: string;
}

Deno.test("read_processes and on_cpu see only their own namespace, in its pids, when the agent runs in one", () =>
  withoutLeaks(libbpf, async () => {
    const { iterator, proc, sampledPids, burner } = await readInNamespace();
    const byPid = (one: Seen, two: Seen) => one.pid - two.pid;
    assert.deepEqual(iterator.sort(byPid), proc.sort(byPid));
    assert.equal(iterator[0]!.pid, 1);
    assert.equal(iterator[0]!.parentPid, 0);
    assert.deepEqual(sampledPids, [burner]);
  }));
