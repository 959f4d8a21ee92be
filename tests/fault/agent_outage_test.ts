import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { createConnectRouter } from "@connectrpc/connect";
import { createFetchHandler } from "@connectrpc/connect/protocol";
import { silentLogger } from "../../lib/log.ts";
import { Reporter } from "../../src/agent/report.ts";
import { Spool } from "../../src/agent/spool.ts";
import { StakeoutWire } from "../../src/agent/stakeout_wire.ts";
import { type AgentTransport, createAgentTransport } from "../../src/agent/transport.ts";
import {
  AgentInfoSchema,
  AgentService,
  MetricColumnsSchema,
} from "../../src/gen/stakeout/v1/agent_service_pb.ts";
import { TaskSchema } from "../../src/gen/stakeout/v1/task_pb.ts";

/** Keeps each sequence once, as the backend's contract says, and forgets to answer every fifth time. */
class RecordingBackend {
  readonly stored = new Map<bigint, string>();
  #calls = 0;
  #acknowledged = 0n;

  serve(port: number): Deno.HttpServer<Deno.NetAddr> {
    const router = createConnectRouter();
    router.service(AgentService, {
      report: ({ records }) => {
        for (const { sequence, body } of records) {
          if (sequence <= this.#acknowledged) continue;
          assert.ok(!this.stored.has(sequence));
          this.stored.set(sequence, body.case === "task" ? body.value.id : String(body.case));
          this.#acknowledged = sequence;
        }
        if (++this.#calls % 5 === 0) throw new Error("the answer is lost");
        return { acknowledgedSequence: this.#acknowledged };
      },
    });
    const handlers = new Map(
      router.handlers.map((handler) => [handler.requestPath, createFetchHandler(handler)]),
    );
    return Deno.serve(
      { hostname: "127.0.0.1", port, onListen() {} },
      (request) =>
        handlers.get(new URL(request.url).pathname)?.(request) ?? new Response(null, { status: 404 }),
    );
  }
}

Deno.test("a backend that goes and comes, and an agent that restarts meanwhile, lose and double nothing", async () => {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-outage-" });
  const backend = new RecordingBackend();
  const agent = create(AgentInfoSchema, { agentId: "11111111-2222-3333-4444-555555555555" });
  const wireTo = (backend: AgentTransport) => new StakeoutWire({ backend, agent, logger: silentLogger });
  let server: Deno.HttpServer<Deno.NetAddr> | undefined = backend.serve(0);
  const { port } = server.addr;
  const expected: string[] = [];
  try {
    for (let run = 0; run < 6; run++) {
      const isUp = run % 2 === 0;
      if (isUp && server === undefined) server = backend.serve(port);
      if (!isUp) {
        await server?.shutdown();
        server = undefined;
      }
      const transport = createAgentTransport({ url: `http://127.0.0.1:${port}`, token: "t" });
      const spool = await Spool.open(folder, { logger: silentLogger });
      const reporter = new Reporter({ wire: wireTo(transport), spool, logger: silentLogger });
      const stop = new AbortController();
      const running = reporter.run(stop.signal);
      for (let index = 0; index < 300; index++) {
        const id = `${run}-${index}`;
        const isTask = index % 10 === 0;
        const sequence = await reporter.report(
          isTask
            ? { case: "task", value: create(TaskSchema, { id }) }
            : { case: "metrics", value: create(MetricColumnsSchema, { seconds: 5, values: [index] }) },
        );
        assert.ok(sequence !== undefined);
        expected.push(isTask ? id : "metrics");
        if (index % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
      }
      stop.abort();
      await running;
      await spool.close();
      transport.close();
    }
    server ??= backend.serve(port);
    const transport = createAgentTransport({ url: `http://127.0.0.1:${port}`, token: "t" });
    const spool = await Spool.open(folder, { logger: silentLogger });
    const reporter = new Reporter({ wire: wireTo(transport), spool, logger: silentLogger });
    const stop = new AbortController();
    const running = reporter.run(stop.signal);
    const deadline = performance.now() + 30_000;
    while ((await spool.peekBatch(1)).length > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    stop.abort();
    await running;
    assert.deepEqual([...backend.stored.values()], expected);
    assert.equal(spool.drops.metrics, 0);
    await spool.close();
    transport.close();
  } finally {
    await server?.shutdown();
    await Deno.remove(folder, { recursive: true });
  }
});
