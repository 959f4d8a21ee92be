import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, createConnectRouter } from "@connectrpc/connect";
import { createFetchHandler } from "@connectrpc/connect/protocol";
import { silentLogger } from "../../lib/log.ts";
import {
  AgentInfoSchema,
  AgentService,
  AgentStatusSchema,
  type Record as WireRecord,
} from "../gen/stakeout/v1/agent_service_pb.ts";
import { NetworkChunkSchema } from "../gen/stakeout/v1/network_pb.ts";
import { ProfileChunkSchema } from "../gen/stakeout/v1/profile_pb.ts";
import { TaskSchema } from "../gen/stakeout/v1/task_pb.ts";
import { Reporter } from "./report.ts";
import type { ReportWire } from "./report_wire.ts";
import { Spool } from "./spool.ts";
import { StakeoutWire } from "./stakeout_wire.ts";
import { type AgentTransport, createAgentTransport } from "./transport.ts";

const agent = create(AgentInfoSchema, { agentId: "11111111-2222-3333-4444-555555555555", host: "host" });

function serve(routes: (router: ConnectRouter) => void, port = 0): Deno.HttpServer<Deno.NetAddr> {
  const router = createConnectRouter();
  routes(router);
  const handlers = new Map(
    router.handlers.map((handler) => [handler.requestPath, createFetchHandler(handler)]),
  );
  return Deno.serve(
    { hostname: "127.0.0.1", port, onListen() {} },
    (request) =>
      handlers.get(new URL(request.url).pathname)?.(request) ?? new Response("<html>", { status: 404 }),
  );
}

interface Setup {
  readonly backend: AgentTransport;
  readonly spool: Spool;
  readonly reporter: Reporter;
}

async function withReporter(
  server: Deno.HttpServer<Deno.NetAddr>,
  run: (setup: Setup) => Promise<void>,
  token = "secret",
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-report-" });
  const backend = createAgentTransport({ url: `http://127.0.0.1:${server.addr.port}`, token });
  const spool = await Spool.open(folder, { logger: silentLogger });
  const reporter = new Reporter({
    wire: new StakeoutWire({ backend, agent, logger: silentLogger }),
    spool,
    logger: silentLogger,
  });
  try {
    await run({ backend, spool, reporter });
  } finally {
    await spool.close();
    backend.close();
    await server.shutdown();
    await Deno.remove(folder, { recursive: true });
  }
}

function task(id: string) {
  return { case: "task" as const, value: create(TaskSchema, { id }) };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    assert.ok(performance.now() < deadline, "timed out");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

Deno.test("run() sends every record once, in order, and a task at once", async () => {
  const got: WireRecord[] = [];
  const tokens = new Set<string | null>();
  const server = serve((router) => {
    router.service(AgentService, {
      report({ records }, context) {
        tokens.add(context.requestHeader.get("authorization"));
        got.push(...records);
        return { acknowledgedSequence: records.at(-1)?.sequence ?? 0n };
      },
    });
  });
  await withReporter(server, async ({ reporter, spool }) => {
    const stop = new AbortController();
    const running = reporter.run(stop.signal);
    await reporter.report(task("a"));
    await until(() => got.length === 1);
    const start = performance.now();
    const status = create(AgentStatusSchema, { setVersion: 7n });
    await reporter.report({ case: "status", value: status });
    await reporter.report(task("b"));
    await until(() => got.length === 3);
    assert.ok(performance.now() - start < 1000, "a task leaves at once");
    await reporter.report({ case: "status", value: status });
    stop.abort();
    await running;
    assert.deepEqual(got.map((record) => record.body.case), ["task", "status", "task", "status"]);
    assert.equal(got[1]?.body.case === "status" && got[1].body.value.setVersion, 7n);
    const sequences = got.map((record) => record.sequence);
    assert.deepEqual(sequences, sequences.toSorted((left, right) => Number(left - right)));
    assert.deepEqual([...tokens], ["Bearer secret"]);
    assert.deepEqual(await spool.peekBatch(1e6), []);
    assert.equal(reporter.health.connected, true);
  });
});

Deno.test("report() queues chunks of stacks and of network profiles as profiles, which are kept before metrics", async () => {
  const server = serve(() => {});
  await withReporter(server, async ({ reporter, spool }) => {
    await reporter.report({ case: "network", value: create(NetworkChunkSchema) });
    await reporter.report({ case: "profile", value: create(ProfileChunkSchema) });
    assert.deepEqual((await spool.peekBatch(1e6)).map((record) => record.class), ["profile", "profile"]);
  });
});

Deno.test("run() sends a batch again when the backend fails, and keeps what it did not acknowledge", async () => {
  const batches: bigint[][] = [];
  const server = serve((router) => {
    router.service(AgentService, {
      report({ records }) {
        batches.push(records.map((record) => record.sequence));
        if (batches.length === 1) throw new ConnectError("busy", Code.Unavailable);
        return { acknowledgedSequence: (batches.length === 2 ? records[0] : records.at(-1))?.sequence ?? 0n };
      },
    });
  });
  await withReporter(server, async ({ reporter, spool }) => {
    for (const id of ["a", "b", "c"]) await reporter.report(task(id));
    const stop = new AbortController();
    const running = reporter.run(stop.signal);
    await until(() => batches.length === 3);
    stop.abort();
    await running;
    assert.deepEqual(batches[1], batches[0]);
    assert.deepEqual(batches[2], batches[0]?.slice(1));
    assert.deepEqual(await spool.peekBatch(1e6), []);
  });
});

Deno.test("run() gives up only the record that the backend calls invalid", async () => {
  const got: string[] = [];
  const server = serve((router) => {
    router.service(AgentService, {
      report({ records }) {
        const ids = records.map((record) => record.body.case === "task" ? record.body.value.id : "");
        if (ids.includes("bad")) throw new ConnectError("bad id", Code.InvalidArgument);
        got.push(...ids);
        return { acknowledgedSequence: records.at(-1)?.sequence ?? 0n };
      },
    });
  });
  await withReporter(server, async ({ reporter }) => {
    for (const id of ["a", "bad", "b"]) await reporter.report(task(id));
    const stop = new AbortController();
    const running = reporter.run(stop.signal);
    await until(() => got.length === 2);
    stop.abort();
    await running;
    assert.deepEqual(got, ["a", "b"]);
  });
});

Deno.test("run() keeps every record when the backend refuses the agent itself", async () => {
  let calls = 0;
  const server = serve((router) => {
    router.service(AgentService, {
      report() {
        calls += 1;
        throw new ConnectError("agent id", Code.InvalidArgument);
      },
    });
  });
  await withReporter(server, async ({ reporter, spool }) => {
    for (const id of ["a", "b"]) await reporter.report(task(id));
    const stop = new AbortController();
    const running = reporter.run(stop.signal);
    await until(() => calls >= 3 && reporter.health.lastError !== "");
    stop.abort();
    await running;
    assert.equal((await spool.peekBatch(1e6)).length, 2);
  });
});

Deno.test("run() names the fix when the token is wrong or no backend answers", async () => {
  const refusing = serve((router) => {
    router.service(AgentService, {
      report() {
        throw new ConnectError("no", Code.Unauthenticated);
      },
    });
  });
  const foreign = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("<html>hello</html>", { headers: { "content-type": "text/html" } }),
  );
  const redirecting = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response(null, { status: 302, headers: { location: "http://127.0.0.1:1/" } }),
  );
  for (
    const [server, message] of [
      [refusing, /does not know the token; set the agent's token/],
      [foreign, /no Stakeout backend/],
      [redirecting, /no Stakeout backend/],
      [serve(() => {}), /no Stakeout backend/],
    ] as const
  ) {
    await withReporter(server, async ({ reporter, spool }) => {
      await reporter.report(task("a"));
      const stop = new AbortController();
      const running = reporter.run(stop.signal);
      await until(() => reporter.health.lastError !== "");
      stop.abort();
      await running;
      assert.match(reporter.health.lastError, message);
      assert.equal((await spool.peekBatch(1e6)).length, 1);
    });
  }
});

Deno.test("run() ends an answer at 4 MiB when a backend does not stop", async () => {
  let sentBytes = 0;
  let hungUp = false;
  const endless = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    const chunk = new Uint8Array(64 * 1024);
    const body = new ReadableStream({
      pull(controller) {
        sentBytes += chunk.length;
        controller.enqueue(chunk);
      },
      cancel() {
        hungUp = true;
      },
    });
    return new Response(body, { headers: { "content-type": "application/proto" } });
  });
  await withReporter(endless, async ({ reporter }) => {
    await reporter.report(task("a"));
    const stop = new AbortController();
    const running = reporter.run(stop.signal);
    await until(() => reporter.health.lastError !== "" && hungUp);
    stop.abort();
    await running;
    assert.match(reporter.health.lastError, /beyond a limit/);
    assert.ok(sentBytes < 32 * 1024 * 1024, `${sentBytes} bytes were taken`);
  });
});

Deno.test("run() ends within 2.5 s of the signal when the backend hangs", async () => {
  let called = false;
  const hanging = serve((router) => {
    router.service(AgentService, {
      report(_, context) {
        called = true;
        return new Promise((_, reject) => {
          context.signal.addEventListener("abort", () => reject(new ConnectError("gone", Code.Canceled)));
        });
      },
    });
  });
  await withReporter(hanging, async ({ reporter, spool }) => {
    await reporter.report(task("a"));
    const stop = new AbortController();
    const running = reporter.run(stop.signal);
    await until(() => called);
    const start = performance.now();
    stop.abort();
    await running;
    assert.ok(performance.now() - start < 2_500);
    assert.equal((await spool.peekBatch(1e6)).length, 1);
  });
});

Deno.test("Reporter sends what a wire does not gather at once", async () => {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-report-" });
  const spool = await Spool.open(folder, { logger: silentLogger });
  const sent: number[] = [];
  const wire: ReportWire = {
    ...{ url: "", gatherMs: 0, describeError: String },
    encode: () => [{ class: "metrics", body: new Uint8Array(8) }],
    send(records) {
      sent.push(records.length);
      return Promise.resolve(records.at(-1)!.sequence);
    },
  };
  const reporter = new Reporter({ wire, spool, logger: silentLogger });
  const abort = new AbortController();
  const running = reporter.run(abort.signal);
  const startMs = performance.now();
  for (const wanted of [1, 2]) {
    await reporter.report({ case: "status", value: create(AgentStatusSchema) });
    while (sent.length < wanted) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.ok(performance.now() - startMs < 1_000);
  assert.deepEqual(sent, [1, 1]);
  abort.abort();
  await running;
  await spool.close();
  await Deno.remove(folder, { recursive: true });
});
