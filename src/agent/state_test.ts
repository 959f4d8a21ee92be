import assert from "node:assert/strict";
import * as z from "zod";
import { createLogger, silentLogger } from "../../lib/log.ts";
import { AgentState } from "./state.ts";

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const parent = await Deno.makeTempDir({ prefix: "stakeout-state-" });
  try {
    await run(`${parent}/state`);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
}

const schema = z.object({ until: z.number() });

Deno.test("open() keeps the agent's id and what was saved across a restart", async () => {
  await withFolder(async (folder) => {
    const first = await AgentState.open(folder, silentLogger);
    assert.equal(await first.load("silence", schema), undefined);
    void first.save("silence", { until: 1 });
    assert.equal(await first.save("silence", { until: 2 }), true);
    await first.close();
    const second = await AgentState.open(folder, silentLogger);
    assert.equal(second.agentId, first.agentId);
    assert.deepEqual(await second.load("silence", schema), { until: 2 });
    assert.equal(((await Deno.stat(`${folder}/silence.json`)).mode ?? 0) & 0o777, 0o600);
    await second.close();
  });
});

Deno.test("open() refuses a second agent", async () => {
  await withFolder(async (folder) => {
    const first = await AgentState.open(folder, silentLogger);
    await assert.rejects(AgentState.open(folder, silentLogger), /Another agent uses .*; stop it/);
    await first.close();
    await (await AgentState.open(folder, silentLogger)).close();
  });
});

Deno.test("load() sets a damaged file aside and says so", async () => {
  await withFolder(async (folder) => {
    const lines: string[] = [];
    const logger = createLogger({ format: "logfmt", level: "info", write: (line) => lines.push(line) });
    const state = await AgentState.open(folder, logger);
    for (const text of ["{", '{"until":"soon"}', ""]) {
      await Deno.writeTextFile(`${folder}/silence.json`, text);
      assert.equal(await state.load("silence", schema), undefined);
      assert.equal(await Deno.readTextFile(`${folder}/silence.json.corrupt`), text);
    }
    assert.equal(lines.filter((line) => line.includes("set aside")).length, 3);
    await state.close();
  });
});

Deno.test("open() works without a folder, and remembers nothing", async () => {
  const state = await AgentState.open(undefined, silentLogger);
  assert.match(state.agentId, /^[0-9a-f-]{36}$/);
  assert.equal(await state.save("silence", { until: 1 }), false);
  assert.equal(await state.load("silence", schema), undefined);
  assert.equal(state.queueFolder("queue"), undefined);
  await state.close();
});
