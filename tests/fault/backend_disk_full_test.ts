import { Code, ConnectError } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { systemClock } from "../../lib/clock.ts";
import { sampleAgent, sampleChunk, sampleTask } from "../../src/backend/sample_records.ts";
import { startTestBackend, testTokens } from "../../src/backend/testing.ts";
import { AgentService } from "../../src/gen/stakeout/v1/agent_service_pb.ts";
import { PolicyService } from "../../src/gen/stakeout/v1/policy_service_pb.ts";
import { TaskService } from "../../src/gen/stakeout/v1/task_service_pb.ts";

const isRoot = Deno.uid() === 0;

async function run(program: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await new Deno.Command(program, { args }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
}

Deno.test({
  name: `a full disk stops reports, not reads, and ends when there is space${
    isRoot ? "" : " (needs root for a tmpfs)"
  }`,
  ignore: !isRoot,
  async fn() {
    const folder = await Deno.makeTempDir();
    await run("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder);
    try {
      await fillAndFree(folder);
    } finally {
      await run("umount", folder);
      await Deno.remove(folder);
    }
  },
});

async function fillAndFree(folder: string): Promise<void> {
  const startMs = systemClock.nowUnixMs() - 60_000;
  await using test = await startTestBackend({ stateFolder: folder });
  const agent = test.client(AgentService, testTokens.agent);
  const tasks = test.client(TaskService, testTokens.viewer);
  await Deno.writeFile(`${folder}/ballast`, new Uint8Array(1024 * 1024));
  await agent.report({ agent: sampleAgent(), records: [sampleTask(1, { startMs })] });

  function makeReport(number: number) {
    const chunk = sampleChunk(2 + number, { number, startMs });
    assert.ok(chunk.body.case === "profile");
    chunk.body.value.strings = [crypto.randomUUID().repeat(500)];
    return { agent: sampleAgent(), records: [chunk] };
  }
  let stored = 0;
  let refusal: unknown;
  while (refusal === undefined && stored < 1000) {
    try {
      await agent.report(makeReport(stored));
      stored++;
    } catch (error) {
      refusal = error;
    }
  }
  assert.ok(refusal instanceof ConnectError && refusal.code === Code.ResourceExhausted, String(refusal));
  assert.match(refusal.message, /disk is full; free some space/);
  assert.doesNotMatch(refusal.message, new RegExp(folder));

  // Reads go on, and the state is said.
  assert.equal((await tasks.listTasks({})).total, 1);
  assert.equal((await test.client(PolicyService, testTokens.viewer).listPolicies({})).total, 0);
  const ready = await test.get("/readyz");
  assert.deepEqual([ready.status, await ready.json()], [
    503,
    { ready: false, checks: { store: "the disk is full; free some space" } },
  ]);

  await Deno.remove(`${folder}/ballast`);
  const { acknowledgedSequence } = await agent.report(makeReport(stored));
  assert.equal(acknowledgedSequence, BigInt(2 + stored));
  assert.equal((await (await test.get("/readyz")).json()).ready, true);
}
