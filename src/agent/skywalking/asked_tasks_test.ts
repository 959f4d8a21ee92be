import assert from "node:assert/strict";
import { createRouterTransport } from "@connectrpc/connect";
import { silentLogger } from "../../../lib/log.ts";
import { EBPFProfilingService } from "../../gen/skywalking/v3/ebpf_profiling_pb.ts";
import type { Process } from "../../model/process.ts";
import { AskedTasks } from "./asked_tasks.ts";
import { OapHealth } from "./oap_health.ts";

const startMs = 1_700_000_000_000;

/** Asks an OAP that tests make up, one question a look. */
class Harness implements AsyncDisposable {
  /** `start TASK PROCESSES SECONDS` and `change OURS SECONDS MINIMUM`, MINIMUM of the rule for /. */
  readonly done: string[] = [];
  /** The OAP's ids of what runs here. */
  living = ["p1", "p2", "p3"];
  /** Our tasks that run. */
  running: string[] = [];
  refuses = "";
  #commands: Record<string, string>[] = [];
  #nowMs = startMs;
  #look = Promise.withResolvers<void>();
  #looking = Promise.withResolvers<void>();
  readonly #abort = new AbortController();
  readonly #ended: Promise<void>;

  constructor() {
    const transport = createRouterTransport(({ service }) => {
      service(EBPFProfilingService, { queryTasks: () => ({ commands: this.#commands.map(toCommand) }) });
    });
    const tasks = new AskedTasks({
      oap: { url: "", transport, hostAddress: () => "", close: () => {} },
      agentId: "agent",
      health: new OapHealth("", silentLogger),
      logger: silentLogger,
      look: () => {
        this.#looking.resolve();
        return this.#look.promise;
      },
      pollMs: 1,
      clock: { nowUnixMs: () => this.#nowMs },
      reasonAgainst: () => undefined,
      processesOf: (ids) =>
        this.living.filter((id) => ids.includes(id)).map((oapId) => ({
          oapId,
          process: { id: oapId } as Process,
        })),
      start: ({ taskId, sampling }, processes, seconds) => {
        if (this.refuses !== "") return Promise.resolve({ refused: this.refuses });
        const minimum = sampling.rules.find("/")?.minimumMs;
        const ids = processes.map(({ oapId }) => oapId).join("+");
        this.done.push(["start", taskId, ids, seconds, ...minimum === undefined ? [] : [minimum]].join(" "));
        this.running.push(`ours-${this.done.length}`);
        return Promise.resolve({ taskId: `ours-${this.done.length}` });
      },
      change: (taskId, { sampling }, seconds) => {
        if (!this.running.includes(taskId)) return false;
        this.done.push(`change ${taskId} ${seconds} ${sampling.rules.find("/")?.minimumMs}`);
        return true;
      },
    });
    this.#ended = tasks.run(this.#abort.signal);
  }

  /** Has the OAP say these for the next question, so many seconds after the start. */
  async hear(atSecond: number, ...commands: Record<string, string>[]): Promise<string[]> {
    await this.#looking.promise;
    // Until the next question is due.
    await new Promise((resolve) => setTimeout(resolve, 2));
    this.#commands = commands;
    this.#nowMs = startMs + atSecond * 1000;
    this.#looking = Promise.withResolvers();
    const look = this.#look;
    this.#look = Promise.withResolvers();
    look.resolve();
    await this.#looking.promise;
    return this.done.splice(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    this.#look.resolve();
    await this.#ended;
  }
}

function toCommand(more: Record<string, string>) {
  const args = {
    ...{
      TaskId: "t",
      ProcessId: "p1,p2",
      TriggerType: "FIXED_TIME",
      TargetType: "NETWORK",
      TaskUpdateTime: "1",
    },
    ...{ TaskStartTime: `${startMs}`, FixedTriggerDuration: "60", ExtensionConfigJSON: "null" },
    ...more,
  };
  const pairs = Object.entries(args).map(([key, value]) => ({ key, value }));
  return { command: "EBPFProfilingTaskQuery", args: pairs };
}

function rule(minimumMs: number): string {
  return JSON.stringify({ NetworkSamplings: [{ MinDuration: minimumMs }] });
}

Deno.test("a network task is one, of the first two processes that live, however often its command comes", async () => {
  await using harness = new Harness();
  harness.living = ["p3", "p4", "p5"];
  assert.deepEqual(await harness.hear(1, { ProcessId: "p1,p2,p3,p4,p5", ExtensionConfigJSON: rule(7) }), [
    "start t p3+p4 59 7",
  ]);
  assert.deepEqual(await harness.hear(2, {}), []);
  assert.deepEqual(await harness.hear(3, { ProcessId: "p3,p1" }), []);
  harness.running = [];
  assert.deepEqual(await harness.hear(30, {}, { ProcessId: "p3" }), []);
  assert.deepEqual(await harness.hear(31, { TaskUpdateTime: "2", ExtensionConfigJSON: rule(8) }), []);
  assert.deepEqual(await harness.hear(61, {}), []);
});

Deno.test("a command that comes again, later and for longer, extends what runs and changes its rules", async () => {
  await using harness = new Harness();
  await harness.hear(1, { ExtensionConfigJSON: rule(7) });
  const longer = { TaskUpdateTime: "2", FixedTriggerDuration: "660" };
  assert.deepEqual(await harness.hear(11, { ...longer, ExtensionConfigJSON: rule(9) }), [
    "change ours-1 600 9",
  ]);
  assert.deepEqual(await harness.hear(21, { ...longer, ExtensionConfigJSON: rule(9) }), []);
  // Not longer, but with other rules; and an older one, as an OAP never sends it.
  const shorter = { TaskUpdateTime: "3", FixedTriggerDuration: "30", ExtensionConfigJSON: rule(1) };
  assert.deepEqual(await harness.hear(22, shorter), ["change ours-1 0 1"]);
  assert.deepEqual(await harness.hear(23, { FixedTriggerDuration: "3000" }), []);
  // An hour is profiled at most.
  const [last] = await harness.hear(31, { TaskUpdateTime: "4", FixedTriggerDuration: "7200" });
  assert.equal(last, "change ours-1 2940 undefined");
});

Deno.test("a task that is extended before it began is longer, and one that ended just before goes on for the rest", async () => {
  await using harness = new Harness();
  harness.refuses = "two run already";
  assert.deepEqual(await harness.hear(0, {}), []);
  harness.refuses = "";
  const longer = { TaskUpdateTime: "2", FixedTriggerDuration: "120" };
  assert.deepEqual(await harness.hear(6, longer), ["start t p1+p2 114"]);
  harness.running = [];
  const longest = { TaskUpdateTime: "3", FixedTriggerDuration: "180" };
  assert.deepEqual(await harness.hear(119, longest), ["start t p1+p2 61"]);
  assert.deepEqual(await harness.hear(125, longest), []);
  assert.deepEqual(await harness.hear(181, longest), []);
  await using late = new Harness();
  await late.hear(0, {});
  late.running = [];
  assert.deepEqual(await late.hear(62, longer), ["start t p1+p2 58"]);
});

Deno.test("the parts of a task on the CPU are extended one by one", async () => {
  await using harness = new Harness();
  const parts = (more: object) =>
    ["p1", "p2", "p3"].map((ProcessId) => ({ TargetType: "ON_CPU", ProcessId, ...more }));
  assert.deepEqual(await harness.hear(0, ...parts({})), ["start t p1+p2 60", "start t p3 60"]);
  const longer = parts({ TaskUpdateTime: "2", FixedTriggerDuration: "90" });
  assert.deepEqual(await harness.hear(5, ...longer), [
    "change ours-1 30 undefined",
    "change ours-2 30 undefined",
  ]);
});
