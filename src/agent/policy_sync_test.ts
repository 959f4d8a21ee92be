import assert from "node:assert/strict";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { createConnectRouter } from "@connectrpc/connect";
import { createFetchHandler } from "@connectrpc/connect/protocol";
import { silentLogger } from "../../lib/log.ts";
import { AgentInfoSchema, AgentService, WatchResponseSchema } from "../gen/stakeout/v1/agent_service_pb.ts";
import { PolicySync, type PolicyText } from "./policy_sync.ts";
import { createAgentTransport } from "./transport.ts";

const agent = create(AgentInfoSchema, { agentId: "11111111-2222-3333-4444-555555555555" });

type Event = MessageInitShape<typeof WatchResponseSchema>;
type Watch = (call: number, signal: AbortSignal) => AsyncIterable<Event>;

function set(setVersion: bigint, source: string): Event {
  return {
    setVersion,
    event: { case: "policies", value: { policies: [{ name: "p", source, version: 3 }] } },
  };
}

function heartbeat(setVersion: bigint, atUnixMs: bigint): Event {
  return { setVersion, event: { case: "heartbeat", value: { atUnixMs } } };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) =>
    signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve())
  );
}

interface Seen {
  readonly sets: { version: number; policies: readonly PolicyText[] }[];
  readonly stopped: string[];
  readonly answers: { commandId: string; taskId: string; refused: string }[];
  readonly sync: PolicySync;
  calls(): number;
}

async function withSync(watch: Watch, check: (seen: Seen) => boolean, silenceMs = 30_000): Promise<Seen> {
  let calls = 0;
  const answers: Seen["answers"] = [];
  const router = createConnectRouter();
  router.service(AgentService, {
    async *watch(_, context) {
      for await (const each of watch(++calls, context.signal)) yield create(WatchResponseSchema, each);
    },
    answerCommand({ agent: { agentId } = {}, commandId, taskId, refused }) {
      assert.equal(agentId, agent.agentId);
      answers.push({ commandId, taskId, refused });
      return {};
    },
  });
  const handlers = new Map(
    router.handlers.map((handler) => [handler.requestPath, createFetchHandler(handler)]),
  );
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) =>
      handlers.get(new URL(request.url).pathname)?.(request) ?? new Response(null, { status: 404 }),
  );
  const backend = createAgentTransport({ url: `http://127.0.0.1:${server.addr.port}`, token: "t" });
  const sets: Seen["sets"] = [];
  const stopped: string[] = [];
  const sync = new PolicySync({
    backend,
    agent,
    logger: silentLogger,
    clock: { nowUnixMs: () => 1_000_000 },
    silenceMs,
    onPolicies: (version, policies) => sets.push({ version, policies }),
    onStopTask: (id) => stopped.push(id),
    onStartTask: ({ processIds }) => ({ taskId: `task of ${processIds.join()}` }),
    onExtendTask: ({ seconds }) => ({ refused: `${seconds} s are too many` }),
  });
  const stop = new AbortController();
  const running = sync.run(stop.signal);
  const seen = { sets, stopped, answers, sync, calls: () => calls };
  try {
    const deadline = performance.now() + 10_000;
    while (!check(seen)) {
      assert.ok(performance.now() < deadline, "timed out");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  } finally {
    stop.abort();
    await running;
    backend.close();
    await server.shutdown();
  }
  return seen;
}

Deno.test("run() hands over each policy set and stop, and measures the skew", async () => {
  const seen = await withSync(async function* (_, signal) {
    yield set(1n, "one");
    yield set(2n, "two");
    yield { setVersion: 2n, event: { case: "stopTask", value: { taskId: "abc" } } };
    yield heartbeat(2n, 1_000_250n);
    await aborted(signal);
  }, ({ sync }) => sync.skewMs !== 0 && sync.connected);
  assert.deepEqual(seen.sets.map(({ version }) => version), [1, 2]);
  assert.deepEqual(seen.sets[1]?.policies, [{ name: "p", source: "two", version: 3 }]);
  assert.deepEqual(seen.stopped, ["abc"]);
  assert.equal(seen.sync.skewMs, 250);
  assert.equal(seen.calls(), 1);
});

Deno.test("run() answers what it is asked at once, with the task or with the reason", async () => {
  const seen = await withSync(async function* (_, signal) {
    yield set(1n, "one");
    const start = { commandId: "a", processIds: ["p-1", "p-2"], kinds: [], durationSeconds: 7 };
    yield { setVersion: 1n, event: { case: "startTask", value: start } };
    yield {
      setVersion: 1n,
      event: { case: "extendTask", value: { commandId: "b", taskId: "t", seconds: 9 } },
    };
    await aborted(signal);
  }, ({ answers }) => answers.length === 2);
  assert.deepEqual(seen.answers.toSorted((one, two) => one.commandId < two.commandId ? -1 : 1), [
    { commandId: "a", taskId: "task of p-1,p-2", refused: "" },
    { commandId: "b", taskId: "", refused: "9 s are too many" },
  ]);
});

Deno.test("run() opens the stream anew when it ends, breaks, falls silent or tells of another set", async () => {
  const seen = await withSync(
    async function* (call, signal) {
      yield set(BigInt(call), "text");
      if (call === 1) return;
      if (call === 2) throw new Error("broken");
      if (call === 3) yield heartbeat(99n, 1_000_000n);
      await aborted(signal);
    },
    ({ sets }) => sets.length === 5,
    300,
  );
  assert.deepEqual(seen.sets.map(({ version }) => version), [1, 2, 3, 4, 5]);
});
