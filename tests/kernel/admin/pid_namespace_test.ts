import assert from "node:assert/strict";
import { repositoryRoot } from "../../../scripts/command.ts";
import { compileTarget, libbpf, sleep, startTarget } from "../harness.ts";
import { withoutLeaks } from "../leak_check.ts";
import { Sampler } from "../sampler.ts";

const burn = await compileTarget("burn");

/** Runs namespace_reader.ts where it sees only itself and what it starts. */
async function readInNamespace(): Promise<
  { iterator: Seen[]; proc: Seen[]; sampledPids: number[]; burner: number }
> {
  const { stdout, success } = await new Deno.Command("unshare", {
    args: [
      ...["--pid", "--fork", "--mount-proc", `${repositoryRoot}/scripts/deno`, "run", "-A"],
      ...[`${repositoryRoot}/tests/kernel/admin/namespace_reader.ts`, burn],
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

Deno.test("on_cpu samples a container's process by the agent's pid when the agent is in the host's namespace", () =>
  withoutLeaks(libbpf, async () => {
    await using container = await startTarget("unshare", "--pid", "--fork", "--kill-child", burn, "2");
    const child = Number(
      Deno.readTextFileSync(`/proc/${container.pid}/task/${container.pid}/children`).trim(),
    );
    const sampler = await Sampler.start([child], 499);
    await sleep(700);
    await sampler.detach();
    const samples = sampler.read();
    assert.ok(samples.length > 0);
    const tids = [...Deno.readDirSync(`/proc/${child}/task`)].map((entry) => Number(entry.name));
    for (const { tgid, tid } of samples) {
      assert.equal(tgid, child);
      assert.ok(tids.includes(tid));
    }
    sampler.close();
  }));

Deno.test("a pid that is used again is a new process: the old one is gone and nothing of it is kept", async () => {
  // A pid namespace of its own, where the next pid can be chosen without troubling the host.
  const { success, stdout, stderr } = await new Deno.Command("unshare", {
    args: [
      ...["--pid", "--fork", "--kill-child", "--mount-proc", `${repositoryRoot}/scripts/deno`, "run", "-A"],
      ...["--no-check", new URL("reuse_pid.ts", import.meta.url).pathname],
    ],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const { first, second, gone, appeared } = JSON.parse(new TextDecoder().decode(stdout));
  assert.equal(first.pid, second.pid);
  assert.notEqual(first.id, second.id);
  assert.deepEqual([first.service, second.service], ["first", "second"]);
  assert.deepEqual([gone, appeared], [[first.id], [second.id]]);
});
