import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { systemClock } from "../../lib/clock.ts";
import {
  sampleAgent,
  sampleChunk,
  sampleInventory,
  sampleMetrics,
  sampleTask,
} from "../../src/backend/sample_records.ts";
import { testTokens } from "../../src/backend/testing.ts";
import { AgentService } from "../../src/gen/stakeout/v1/agent_service_pb.ts";
import { QueryService } from "../../src/gen/stakeout/v1/query_service_pb.ts";
import { TaskService } from "../../src/gen/stakeout/v1/task_service_pb.ts";
import { type BackendChild, startBackendChild } from "./start_backend_child.ts";

const kills = Number(Deno.env.get("STAKEOUT_TEST_KILLS") ?? 30);
const recordsPerReport = 3;

/** Reports one task, one chunk and one second of CPU after another until the server dies; answers how many were acknowledged. */
async function ingest(child: BackendChild, from: number, startMs: number): Promise<number> {
  const agent = child.client(AgentService, testTokens.agent);
  for (let index = from;; index++) {
    const id = index.toString(16).padStart(32, "0");
    const sequence = 1 + index * recordsPerReport;
    const records = [
      sampleTask(sequence, { id, startMs }),
      sampleChunk(sequence + 1, { id, number: 0, startMs }),
      sampleMetrics(sequence + 2, { startMs: startMs + index * 1000, seconds: 1, value: index }),
    ];
    try {
      await agent.report({ agent: sampleAgent(), records });
    } catch {
      return index;
    }
  }
}

/** Reads everything back and compares it with what was acknowledged; one more report may have been stored. */
async function check(child: BackendChild, acknowledged: number, startMs: number): Promise<void> {
  const tasks = child.client(TaskService, testTokens.editor);
  const { total } = await tasks.listTasks({ limit: 1 });
  assert.ok(
    total === acknowledged || total === acknowledged + 1,
    `${total} tasks of ${acknowledged} acknowledged`,
  );
  if (acknowledged === 0) return;
  const id = (acknowledged - 1).toString(16).padStart(32, "0");
  assert.deepEqual((await tasks.getProfile({ taskId: id, kind: 1 })).profile?.sampleWeights, [35n]);
  const { series } = await child.client(QueryService, testTokens.editor).queryMetrics({
    agentId: "agent-1",
    series: [{ processId: "p-0", metric: "process_cpu" }],
    fromUnixMs: BigInt(startMs),
    toUnixMs: BigInt(startMs + acknowledged * 1000),
    maxPoints: 2000,
  });
  const newest = series[0]?.max.at(-1);
  // Beyond 2,000 points the last bucket reaches over the second of the report that may have been stored as well.
  assert.ok(newest === acknowledged - 1 || newest === total - 1, `${newest} of ${acknowledged} acknowledged`);
}

Deno.test(`what was acknowledged is there after ${kills} kills during ingest`, async () => {
  const folder = await Deno.makeTempDir();
  const startMs = Math.floor(systemClock.nowUnixMs() / 1000) * 1000 - 86_000_000;
  try {
    let acknowledged = 0;
    for (let round = 0; round < kills; round++) {
      const child = await startBackendChild(folder);
      await check(child, acknowledged, startMs);
      const ingesting = ingest(child, acknowledged, startMs);
      // Prime steps spread the kills over commits, checkpoints and packing.
      const timer = setTimeout(() => child.process.kill("SIGKILL"), 50 + (round * 97) % 600);
      acknowledged = await ingesting;
      clearTimeout(timer);
      await child.process.status;
    }
    assert.ok(acknowledged > kills);
    const child = await startBackendChild(folder);
    await check(child, acknowledged, startMs);
    await child.client(AgentService, testTokens.agent)
      .report({ agent: sampleAgent("agent-2"), records: [sampleInventory(1, 23)] });
    child.process.kill("SIGKILL");
    await child.process.status;
    const database = new DatabaseSync(`${folder}/stakeout.db`);
    assert.equal(database.prepare("PRAGMA integrity_check").get()?.integrity_check, "ok");
    database.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
