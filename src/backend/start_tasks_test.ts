import { Code, ConnectError } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { AgentService, type WatchResponse } from "../gen/stakeout/v1/agent_service_pb.ts";
import { ProfileKind } from "../gen/stakeout/v1/task_pb.ts";
import { TaskService } from "../gen/stakeout/v1/task_service_pb.ts";
import { sampleAgent, sampleInventory, sampleTask, sampleTaskId } from "./sample_records.ts";
import { startTestBackend, testTokens } from "./testing.ts";

type Test = Awaited<ReturnType<typeof startTestBackend>>;
type Answer = (event: WatchResponse["event"]) => { taskId?: string; refused?: string } | undefined;

const wish = { kinds: [ProfileKind.ON_CPU, ProfileKind.OFF_CPU], durationSeconds: 30 };

function hasCode(code: Code): (error: unknown) => boolean {
  return (error) => error instanceof ConnectError && error.code === code;
}

/** An agent that has reported its processes and answers commands; ends with the scope. */
async function connectAgent(test: Test, answer: Answer): Promise<AsyncDisposable> {
  const agent = test.client(AgentService, testTokens.agent);
  await agent.report({ agent: sampleAgent(), records: [sampleInventory(1, 5), sampleTask(2)] });
  const ending = new AbortController();
  const { promise: connected, resolve } = Promise.withResolvers<void>();
  const running = (async () => {
    for await (const { event } of agent.watch({ agent: sampleAgent() }, { signal: ending.signal })) {
      if (event.case === "policies") resolve();
      if (event.case !== "startTask" && event.case !== "extendTask") continue;
      const outcome = answer(event);
      const { commandId } = event.value;
      if (outcome !== undefined) await agent.answerCommand({ agent: sampleAgent(), commandId, ...outcome });
    }
  })().catch(() => {});
  await connected;
  return {
    async [Symbol.asyncDispose]() {
      ending.abort();
      await running;
    },
  };
}

Deno.test("startTask() asks the agent of a process, and gives its task or its reason", async () => {
  await using test = await startTestBackend();
  const seen: WatchResponse["event"][] = [];
  await using _agent = await connectAgent(test, (event) => {
    seen.push(event);
    return seen.length === 1 ? { taskId: sampleTaskId } : { refused: "2 tasks run on this host already" };
  });
  const tasks = test.client(TaskService, testTokens.editor);
  const started = await tasks.startTask({ ...wish, processIds: ["p-1", "p-3"] });
  assert.deepEqual(started.tasks.map(({ taskId, refused }) => [taskId, refused]), [[sampleTaskId, ""]]);
  const [event] = seen;
  assert.ok(event?.case === "startTask");
  const { kinds, durationSeconds, frequencyHz, offCpuMinimumNs } = event.value;
  assert.deepEqual(event.value.processIds.toSorted(), ["p-1", "p-3"]);
  assert.deepEqual([kinds, durationSeconds, frequencyHz, offCpuMinimumNs], [wish.kinds, 30, 99, 1_000_000n]);

  const refused = await tasks.startTask({ ...wish, processIds: ["p-1"] });
  assert.deepEqual(refused.tasks.map(({ taskId, refused }) => [taskId, refused]), [
    ["", "2 tasks run on this host already"],
  ]);
  // A service: its two busiest processes of each host.
  const service = await tasks.startTask({ ...wish, service: "checkout" });
  assert.equal(service.tasks[0]?.processIds.length, 2);
});

Deno.test("startTask() refuses what no task can be, processes that are gone, and agents that are away", async () => {
  await using test = await startTestBackend();
  const tasks = test.client(TaskService, testTokens.editor);
  for (
    const bad of [
      { ...wish },
      { ...wish, processIds: ["p-0"], service: "checkout" },
      { ...wish, processIds: ["p-0", "p-1", "p-2"] },
      { ...wish, processIds: ["p-0", "p-0"] },
      { ...wish, processIds: ["p-0"], kinds: [] },
      { ...wish, processIds: ["p-0"], kinds: [ProfileKind.ON_CPU, ProfileKind.ON_CPU] },
      { ...wish, processIds: ["p-0"], kinds: [7 as ProfileKind] },
      { ...wish, processIds: ["p-0"], durationSeconds: 0 },
      { ...wish, processIds: ["p-0"], durationSeconds: 3_601 },
      { ...wish, processIds: ["p-0"], frequencyHz: 1_000 },
    ]
  ) {
    await assert.rejects(tasks.startTask(bad), hasCode(Code.InvalidArgument), JSON.stringify(bad));
  }
  await assert.rejects(tasks.startTask({ ...wish, processIds: ["nobody"] }), hasCode(Code.NotFound));
  await assert.rejects(tasks.startTask({ ...wish, service: "nothing" }), hasCode(Code.NotFound));
  const agent = test.client(AgentService, testTokens.agent);
  await agent.report({ agent: sampleAgent(), records: [sampleInventory(1, 5)] });
  const { tasks: [away] } = await tasks.startTask({ ...wish, processIds: ["p-0"] });
  assert.match(away?.refused ?? "", /not connected/);
});

Deno.test("extendTask() gives the agent's reason, and an answer of another agent counts for nothing", async () => {
  await using test = await startTestBackend();
  const other = test.client(AgentService, testTokens.agent);
  await using _agent = await connectAgent(test, (event) => {
    assert.ok(event.case === "extendTask");
    const { commandId, seconds } = event.value;
    const stranger = sampleAgent("agent-2");
    void other.answerCommand({ agent: stranger, commandId, taskId: sampleTaskId });
    return { refused: `${seconds} s are too many` };
  });
  await other.report({ agent: sampleAgent(), records: [sampleTask(9)] });
  const tasks = test.client(TaskService, testTokens.editor);
  await assert.rejects(
    tasks.extendTask({ id: sampleTaskId, seconds: 77 }),
    (error) => hasCode(Code.FailedPrecondition)(error) && /77 s are too many/.test(String(error)),
  );
  await assert.rejects(tasks.extendTask({ id: sampleTaskId, seconds: 0 }), hasCode(Code.InvalidArgument));
});
