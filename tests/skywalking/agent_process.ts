import assert from "node:assert/strict";
import { type RunningStakeout, startStakeout } from "../support/stakeout.ts";
import type { TestFolder } from "../support/test_folder.ts";
import { waitFor } from "../support/wait.ts";
import type { OapStore } from "./oap_store.ts";

const burnFrames = /^(?:[^;]+;){0,3}(?:main;)?burn;(?:descend;){3}outer(?:;inner_[ab](?:;[^;]+)*)?$/;

/** Starts an agent that reports the services of a test alone to an OAP that wants the token `secret`, and waits until it watches. */
export async function startOapAgent(
  folder: TestFolder,
  url: string,
  service: string,
  durationSeconds = 8,
): Promise<RunningStakeout> {
  const settings = `duration_seconds: ${durationSeconds}, silence_seconds: 3600`;
  const config = `skywalking: { services: ["${service}*"], ${settings} }\n`;
  await Deno.writeTextFile(`${folder.path}/stakeout.yaml`, config);
  const place = ["--state", `${folder.path}/state`, "--config", `${folder.path}/stakeout.yaml`];
  const agent = startStakeout(["agent", "--backend", url, ...place], { env: { STAKEOUT_TOKEN: "secret" } });
  await agent.waitForLine(/msg="The agent watches this host"/);
  return agent;
}

/** When the agent wrote a line. */
export function timeOf(line: string): number {
  return Date.parse(/ts=(\S+)/.exec(line)![1]!);
}

/** Waits until all samples that the agent says it took of a burner are in the OAP's flame graph. */
export async function expectWhole(
  store: OapStore,
  agent: RunningStakeout,
  { task, pid }: { task: string; pid: number },
): Promise<void> {
  const started = await agent.waitForLine(new RegExp(`msg="Task started" .*pids=${pid} `));
  const id = / task=(\w+)/.exec(started)![1];
  const ended = await agent.waitForLine(new RegExp(`msg="Task ended" task=${id} `), 30);
  const taken = Number(/ taken=(\d+)/.exec(ended)![1]);
  const sum = () => [...store.fold(task).values()].reduce((total, count) => total + count, 0);
  await waitFor(() => sum() === taken || undefined, 15);
  assert.equal(sum(), taken, agent.lines.join("\n"));
  assert.ok(taken > 20, `${taken} samples`);
  const stacks = [...store.fold(task)];
  for (const [stack] of stacks) assert.match(stack, burnFrames);
  const inFunction = (name: string) =>
    stacks.reduce((total, [stack, count]) => total + (stack.split(";").includes(name) ? count : 0), 0);
  assert.ok(inFunction("inner_a") > inFunction("inner_b"), JSON.stringify(stacks));
  assert.ok(inFunction("inner_b") > 0, JSON.stringify(stacks));
  assert.deepEqual(store.conflicts, []);
}
