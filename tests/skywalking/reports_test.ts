/** Protocol-level: an OAP that is played (see OapPlayer), and the agent's queue, reporter and wire. */
import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { Reporter } from "../../src/agent/report.ts";
import { EntityBook } from "../../src/agent/skywalking/entity.ts";
import { guessProcessId, ProcessRegistry } from "../../src/agent/skywalking/process_registry.ts";
import { toProcessProperties } from "../../src/agent/skywalking/process_properties.ts";
import { RecordEncoder } from "../../src/agent/skywalking/record_encoder.ts";
import { TaskIds } from "../../src/agent/skywalking/task_ids.ts";
import { TaskSender } from "../../src/agent/skywalking/task_sender.ts";
import { createOapTransport } from "../../src/agent/skywalking/transport.ts";
import { SkyWalkingWire } from "../../src/agent/skywalking/wire.ts";
import { Spool } from "../../src/agent/spool.ts";
import { AgentState } from "../../src/agent/state.ts";
import { type MetricColumns, MetricColumnsSchema } from "../../src/gen/stakeout/v1/agent_service_pb.ts";
import { type NetworkChunk, NetworkChunkSchema, TraceHeader } from "../../src/gen/stakeout/v1/network_pb.ts";
import { TaskState } from "../../src/gen/stakeout/v1/task_pb.ts";
import { defaultConfig } from "../../src/model/config.ts";
import type { Process } from "../../src/model/process.ts";
import { makeTestFolder, type TestFolder } from "../support/test_folder.ts";
import { waitFor } from "../support/wait.ts";
import { CuttingProxy } from "./cutting_proxy.ts";
import { makeCommand } from "./oap_messages.ts";
import { OapPlayer } from "./oap_player.ts";
import { listeningLogger, sampleChunk, sampleProcess, sampleTask } from "./samples.ts";

const checkout = sampleProcess("checkout", 4711);
const taskId = "00112233445566778899aabbccddeeff";

/** An agent's queue with all that sends it. */
class Sender implements AsyncDisposable {
  readonly lines: string[];
  readonly reporter: Reporter;
  readonly spool: Spool;
  readonly #abort = new AbortController();
  readonly #running: Promise<void>;
  readonly #close: () => Promise<void>;

  private constructor(url: string, state: AgentState, spool: Spool, process: Process) {
    const { logger, lines } = listeningLogger();
    this.lines = lines;
    this.spool = spool;
    const oap = createOapTransport({ url, token: "", caFile: "", certFile: "", keyFile: "" });
    const book = new EntityBook(defaultConfig("/nonexistent").skywalking);
    const ids = new TaskIds(state);
    const entity = book.nameOf(process)!;
    const encoder = new RecordEncoder({
      owners: {
        entityOf: (id) => id === process.id ? entity : undefined,
        all: () => [entity],
        reads: () => true,
      },
      processOf: (id) =>
        id === process.id ? { entity, properties: toProcessProperties(process, entity, "") } : undefined,
      oapIdOf: guessProcessId,
      isKnown: (key) => ids.get(key) !== undefined,
    });
    const registry = new ProcessRegistry(oap, crypto.randomUUID());
    const tasks = new TaskSender(oap, { registry, ids, logger });
    const wire = new SkyWalkingWire(oap, { encoder, ids, logger, tasks });
    this.reporter = new Reporter({ wire, spool, logger, firstRetryMs: 50 });
    this.#running = ids.restore().then(() => this.reporter.run(this.#abort.signal));
    this.#close = async () => {
      oap.close();
      await spool.close();
      await state.close();
    };
  }

  static async start(url: string, folder: TestFolder, process = checkout): Promise<Sender> {
    const { logger } = listeningLogger();
    const state = await AgentState.open(`${folder.path}/agent`, logger);
    const spool = await Spool.open(state.queueFolder("queue-skywalking"), { logger });
    return new Sender(url, state, spool, process);
  }

  task(state = TaskState.RUNNING): Promise<unknown> {
    return this.reporter.report({ case: "task", value: sampleTask(taskId, checkout, state) });
  }

  chunk(number: number): Promise<unknown> {
    return this.reporter.report({ case: "profile", value: sampleChunk(taskId, checkout, number) });
  }

  /** What the profile of a network takes in; its task wants samples of everything. */
  network(number: number): Promise<unknown> {
    return this.reporter.report({ case: "network", value: sampleNetwork(number) });
  }

  metrics(number: number): Promise<unknown> {
    return this.reporter.report({ case: "metrics", value: sampleColumns(number) });
  }

  async untilEmpty(seconds = 20): Promise<void> {
    const empty = await waitFor(
      async () => (await this.spool.peekBatch(1)).length === 0 || undefined,
      seconds,
    );
    assert.ok(empty, this.lines.join("\n"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#running;
    await this.#close();
  }
}

/** Two seconds of the process's CPU. */
function sampleColumns(number: number): MetricColumns {
  return create(MetricColumnsSchema, {
    ...{
      startUnixMs: BigInt(1_700_000_000_000 + number * 2000),
      seconds: 2,
      values: [10 + number, 20 + number],
    },
    series: [{ processId: checkout.id, metric: "process_cpu" }],
    states: Uint8Array.of(1, 1),
  });
}

/** Two sampled requests of a connection that the first two chunks tell of, one of them of a span that is not known, and its traffic. */
function sampleNetwork(number: number): NetworkChunk {
  const traced = { edge: 1, method: "GET", path: "/pay", status: 200, traceHeader: TraceHeader.B3 };
  return create(NetworkChunkSchema, {
    ...{ taskId, number, startUnixMs: BigInt(1_700_000_000_000 + number * 5000), seconds: 5 },
    edges: number > 1
      ? []
      : [{ edge: 1, processId: checkout.id, remoteAddress: Uint8Array.of(10, 0, 0, 7), serverPort: 80 }],
    traffic: [{ edge: 1, sentMessages: 1n }],
    samples: [{ ...traced, traceId: `${number}a`, spanId: "b" }, { ...traced, traceId: `${number}c` }],
  });
}

/** What `count` chunks are when they have arrived whole. */
function expectFolded(oap: OapPlayer, count: number): void {
  assert.equal(oap.store.tasks.length, 1);
  const folded = Object.fromEntries(oap.store.fold(oap.store.tasks[0]!.taskId));
  const own = Array.from({ length: count }, (_, number) => [`main;only_${number}`, 1]);
  assert.deepEqual(folded, { "main;work;do_syscall_64": 3 * count, ...Object.fromEntries(own) });
  assert.deepEqual(oap.store.conflicts, []);
}

Deno.test("a task is told with its first chunk, with all an OAP wants to know, and its stacks arrive by name", async () => {
  await using folder = await makeTestFolder("oap");
  await using oap = await OapPlayer.start();
  await using sender = await Sender.start(oap.url, folder);
  await sender.task();
  await sender.metrics(0);
  await sender.untilEmpty();
  assert.deepEqual(oap.store.tasks, []);
  await sender.chunk(0);
  await sender.chunk(1);
  await sender.task(TaskState.DONE);
  await sender.untilEmpty();
  expectFolded(oap, 2);
  const [{ taskId: oapTask, ...report } = { taskId: "" }] = oap.store.tasks;
  assert.deepEqual(report, {
    ...{ layer: "GENERAL", serviceName: "checkout", instanceName: "host-1", processName: "checkout" },
    causes: [{ type: "ProcessCPU", singleValue: { threshold: 80, current: 85.5 }, cause: "singleValue" }],
    ...{ duration: 600, onCPU: {}, targetTask: "onCPU" },
  });
  const [first] = oap.store.stacks.values();
  const [[processId]] = [...oap.store.processes] as [[string, unknown]];
  assert.deepEqual(first?.datum.task, {
    ...{ taskId: oapTask, processId, profilingStartTime: 1_700_000_000_000, currentTime: 1_700_000_005_000 },
  });
  assert.deepEqual(first?.symbols, ["do_syscall_64", "work", "main"]);
  assert.deepEqual(oap.store.meters, [{
    ...{
      service: "checkout",
      serviceInstance: "host-1",
      timestamp: 1_700_000_001_000,
      metric: "singleValue",
    },
    singleValue: {
      labels: [{ name: "process_name", value: "checkout" }, { name: "layer", value: "GENERAL" }],
      ...{ name: "rover_con_p_process_cpu", value: 15 },
    },
  }]);
});

Deno.test("a task whose profiler could not start is none to an OAP", async () => {
  await using folder = await makeTestFolder("oap");
  await using oap = await OapPlayer.start();
  await using sender = await Sender.start(oap.url, folder);
  await sender.task();
  await sender.task(TaskState.FAILED);
  await sender.metrics(0);
  await sender.untilEmpty();
  assert.deepEqual([oap.store.tasks.length, oap.store.meters.length], [0, 1]);
});

Deno.test("over 100 cut connections no record is lost, and none is there twice by the key that an OAP keeps it by", async () => {
  await using folder = await makeTestFolder("oap");
  await using oap = await OapPlayer.start();
  await using proxy = await CuttingProxy.start(oap.port);
  await using sender = await Sender.start(proxy.url, folder);
  await sender.task();
  await sender.chunk(0);
  // The task itself has no key: it must be told before the cuts begin.
  await sender.untilEmpty();
  let count = 1;
  const cutting = (async () => {
    const deadline = performance.now() + 40_000;
    while (proxy.cuts < 100 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 120));
      proxy.cut();
    }
  })();
  for (let isCutting = true; isCutting; count++) {
    await Promise.all([sender.chunk(count), sender.metrics(count)]);
    isCutting = await Promise.race([
      cutting.then(() => false),
      new Promise<boolean>((resolve) => setTimeout(() => resolve(true), 15)),
    ]);
  }
  assert.equal(proxy.cuts, 100);
  await sender.untilEmpty(40);
  expectFolded(oap, count);
  const meters = new Map(oap.store.meters.map((meter) => [meter.timestamp, meter.singleValue?.value]));
  const expected = Array.from({ length: count - 1 }, (_, index) => 15 + index + 1);
  assert.deepEqual([...meters].sort(([one], [other]) => one - other).map(([, value]) => value), expected);
  assert.equal(sender.spool.drops.profiles + sender.spool.drops.metrics, 0);
  const twice = oap.store.meters.length - meters.size;
  console.log(
    `100 cuts: ${count} chunks and ${meters.size} meters whole; ${twice} meters came twice, dated alike`,
  );
});

Deno.test("streams that are reset in their middle and answers that are lost cost nothing", async () => {
  await using folder = await makeTestFolder("oap");
  await using oap = await OapPlayer.start();
  await using sender = await Sender.start(oap.url, folder);
  await sender.task();
  let messages = 0;
  let [broken, lost] = [0, 0];
  oap.overrides.breaksStream = () => ++messages % 7 === 0 && ++broken <= 3;
  oap.overrides.losesAnswer = () => ++lost <= 2;
  for (let number = 0; number < 20; number++) {
    await sender.chunk(number);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await sender.untilEmpty(30);
  assert.ok(broken > 2 && lost > 2, `${messages} messages, ${broken} streams broken, ${lost} whole`);
  expectFolded(oap, 20);
});

Deno.test("what is taken while the OAP is away waits, also over an end of the agent, and goes to the same task", async () => {
  await using folder = await makeTestFolder("oap");
  let oap = await OapPlayer.start();
  const { port, store } = oap;
  {
    await using sender = await Sender.start(oap.url, folder);
    await sender.task();
    await sender.chunk(0);
    await sender.untilEmpty();
    await oap[Symbol.asyncDispose]();
    await sender.chunk(1);
    await sender.metrics(1);
    await sender.chunk(2);
    assert.ok(await waitFor(() => sender.lines.find((line) => line.includes("wait in the queue")), 5));
  }
  oap = await OapPlayer.start({ port, store });
  await using sender = await Sender.start(oap.url, folder);
  await sender.untilEmpty();
  expectFolded(oap, 3);
  assert.equal(store.meters.length, 1);
  await oap[Symbol.asyncDispose]();
});

Deno.test("an answer to a task without an id ends it there after one question, and others go on", async () => {
  const odd = [
    [],
    [makeCommand("SomethingElse", { TaskId: "1" })],
    [makeCommand("ContinuousProfilingReportTask", {})],
    [1, 2].map((id) => makeCommand("ContinuousProfilingReportTask", { TaskId: String(id) })),
  ];
  for (const commands of odd) {
    await using folder = await makeTestFolder("oap");
    await using oap = await OapPlayer.start();
    await using sender = await Sender.start(oap.url, folder);
    oap.overrides.reportProfilingTask = () => ({ commands });
    await sender.task();
    await sender.chunk(0);
    await sender.chunk(1);
    await sender.metrics(0);
    await sender.untilEmpty();
    assert.equal(oap.calls.filter((call) => call === "reportProfilingTask").length, 1);
    assert.equal(oap.store.stacks.size, 0);
    assert.equal(oap.store.meters.length, 1);
    assert.ok(sender.lines.some((line) => line.includes("gives a task no id")), sender.lines.join("\n"));
  }
});

Deno.test("an OAP without a service gets the rest, and one that chokes on a record gets all others", async () => {
  {
    await using folder = await makeTestFolder("oap");
    await using oap = await OapPlayer.start({ missing: ["MeterReportService"] });
    await using sender = await Sender.start(oap.url, folder);
    await sender.metrics(0);
    await sender.task();
    await sender.chunk(0);
    await sender.metrics(1);
    await sender.untilEmpty();
    expectFolded(oap, 1);
    assert.equal(
      sender.lines.filter((line) => /takes no reports of a kind.*kind=meters/.test(line)).length,
      1,
    );
  }
  await using folder = await makeTestFolder("oap");
  await using oap = await OapPlayer.start();
  await using sender = await Sender.start(oap.url, folder);
  oap.overrides.reportProfilingTask = () => ({ code: 2, details: "the uri case not set" });
  await sender.metrics(0);
  await sender.task();
  await sender.chunk(0);
  await sender.metrics(1);
  await sender.untilEmpty(30);
  assert.equal(oap.store.meters.length, 2);
  assert.equal(oap.calls.filter((call) => call === "reportProfilingTask").length < 8, true);
  assert.ok(sender.lines.some((line) => line.includes("refuses a record for good")), sender.lines.join("\n"));
});

Deno.test("a process that the OAP has not been told of is told before its task, also when it has gone", async () => {
  await using folder = await makeTestFolder("oap");
  await using oap = await OapPlayer.start();
  await using sender = await Sender.start(oap.url, folder);
  await sender.task();
  await sender.chunk(0);
  await sender.untilEmpty();
  assert.deepEqual(oap.calls.slice(0, 3), ["reportProcesses", "reportProfilingTask", "collectProfilingData"]);
  assert.equal([...oap.store.processes.values()][0]?.pid, 4711);
});

Deno.test("sampled requests arrive as logs and as events of spans, and an OAP without either gets the rest", async () => {
  for (const missing of [[], ["LogReportService"], ["SpanAttachedEventReportService"]]) {
    await using folder = await makeTestFolder("oap");
    await using oap = await OapPlayer.start({ missing });
    await using sender = await Sender.start(oap.url, folder);
    await sender.task();
    for (const number of [0, 1]) await sender.network(number);
    await sender.chunk(0);
    // A task that is told again is one that was extended: names and edges that it told are known still.
    await sender.task();
    await sender.chunk(1);
    await sender.network(2);
    await sender.untilEmpty();
    const { logs, spanEvents, meters, stacks } = oap.store;
    const traces = logs.map(({ traceContext }) => traceContext.traceId);
    assert.deepEqual(traces, missing[0] === "LogReportService" ? [] : ["0a", "0c", "1a", "1c", "2a", "2c"]);
    const spans = spanEvents.map(({ traceContext: { traceId, spanId } }) => `${traceId} ${spanId}`);
    const twice = ["0a b", "0a b", "1a b", "1a b", "2a b", "2a b"];
    assert.deepEqual(spans, missing[0] === "SpanAttachedEventReportService" ? [] : twice);
    assert.equal(meters.length, 3);
    const symbols = [...stacks.values()].map(({ symbols }) => symbols.join(" "));
    assert.deepEqual(symbols.sort(), [
      "do_syscall_64 work main",
      "do_syscall_64 work main",
      "only_0 main",
      "only_1 main",
    ]);
    const left = sender.lines.filter((line) => line.includes("takes no reports of a kind"));
    assert.equal(left.length, missing.length, left.join("\n"));
  }
});

Deno.test("logs and events whose stream is reset or whose answer is lost come again", async () => {
  await using folder = await makeTestFolder("oap");
  await using oap = await OapPlayer.start();
  await using sender = await Sender.start(oap.url, folder);
  let [messages, answers] = [0, 0];
  oap.overrides.breaksStream = () => ++messages % 3 === 0 && messages < 12;
  oap.overrides.losesAnswer = () => ++answers % 2 === 1 && answers < 6;
  await sender.task();
  for (let number = 0; number < 10; number++) await sender.network(number);
  await sender.untilEmpty(30);
  const { logs, spanEvents } = oap.store;
  assert.equal(new Set(logs.map(({ traceContext }) => traceContext.traceId)).size, 20);
  assert.equal(new Set(spanEvents.map(({ traceContext }) => traceContext.traceId)).size, 10);
  assert.ok(messages >= 12 && answers >= 6, `${messages} messages, ${answers} answers`);
});
