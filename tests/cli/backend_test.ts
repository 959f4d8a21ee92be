import assert from "node:assert/strict";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { silentLogger } from "../../lib/log.ts";
import { type Backend, startBackend } from "../../src/backend/backend.ts";
import { AgentService } from "../../src/gen/stakeout/v1/agent_service_pb.ts";
import { FrameKind, StackEnd } from "../../src/gen/stakeout/v1/profile_pb.ts";
import { ProfileKind, SlotState, TaskState } from "../../src/gen/stakeout/v1/task_pb.ts";
import { runProgram } from "./program.ts";

const editor = "editor-token-0123456789";
const viewer = "viewer-token-0123456789";
const agent = "agent-token-0123456789";
const taskId = "3f2a".padEnd(32, "0");
const startedAt = Date.UTC(2026, 10, 23, 12);

/** A backend with one reported task, and the folder that `up` would leave for the client commands. */
async function withBackend(use: (home: string, backend: Backend) => Promise<void>): Promise<void> {
  const home = await Deno.makeTempDir({ prefix: "stakeout-cli-" });
  const backend = await startBackend({
    hostname: "127.0.0.1",
    port: 0,
    stateFolder: undefined,
    assets: new Map(),
    tokens: [{ role: "editor", token: editor }, { role: "viewer", token: viewer }, {
      role: "agent",
      token: agent,
    }],
    logger: silentLogger,
    version: "test",
    clock: { nowUnixMs: () => startedAt + 60_000 },
  });
  try {
    await Deno.mkdir(`${home}/state`, { mode: 0o700 });
    await Deno.writeTextFile(`${home}/state/url`, `${backend.url}\n`);
    await Deno.writeTextFile(`${home}/state/token`, `${editor}\n`, { mode: 0o600 });
    await Deno.writeTextFile(`${home}/viewer`, `${viewer}\n`);
    await Deno.writeTextFile(`${home}/wrong`, "wrong-token-0123456789\n");
    await use(home, backend);
  } finally {
    await backend.close();
    await Deno.remove(home, { recursive: true });
  }
}

/** Reports one task with one second of profile, as an agent does. */
async function reportTask(url: string): Promise<void> {
  const transport = createConnectTransport({
    baseUrl: url,
    httpVersion: "1.1",
    interceptors: [(next) => (request) => {
      request.header.set("authorization", `Bearer ${agent}`);
      return next(request);
    }],
  });
  const loss = { taken: 23n, stored: 23n };
  const { refusals } = await createClient(AgentService, transport).report({
    agent: { agentId: "agent-1", host: "node-1", version: "test" },
    records: [{
      sequence: 1n,
      body: {
        case: "task",
        value: {
          id: taskId,
          agentId: "agent-1",
          host: "node-1",
          policy: "checkout",
          policyVersion: 1,
          processIds: ["boot-1-4711"],
          services: ["check\x1b[2Jout"],
          instances: ["node-1"],
          pids: [4711],
          exes: ["/usr/bin/checkout"],
          kinds: [ProfileKind.ON_CPU],
          state: TaskState.DONE,
          startedAtUnixMs: BigInt(startedAt),
          endedAtUnixMs: BigInt(startedAt + 1000),
          durationSeconds: 1,
          frequencyHz: 99,
          loss,
          cause: {
            metric: "process_cpu",
            threshold: 80,
            periodSeconds: 3,
            count: 2,
            reached: 2,
            slots: [{}, ...[91, 92.5].map((value) => ({ state: SlotState.VALUE, value }))],
            atUnixMs: BigInt(startedAt),
          },
        },
      },
    }, {
      sequence: 2n,
      body: {
        case: "profile",
        value: {
          taskId,
          kind: ProfileKind.ON_CPU,
          startUnixMs: BigInt(startedAt),
          seconds: 1,
          strings: ["", "main", "hash_block", "checkout"],
          frames: [{ kind: FrameKind.USER, function: 2, module: 3, address: 16n }, {
            kind: FrameKind.USER,
            function: 1,
            module: 3,
            address: 32n,
          }],
          stacks: [{ frames: [0, 1], end: StackEnd.WHOLE }],
          threads: [{ tid: 4711, name: "main", processId: "boot-1-4711" }],
          sampleStacks: [0],
          sampleThreads: [0],
          sampleSeconds: [0],
          sampleWeights: [23n],
          loss,
          last: true,
        },
      },
    }],
  });
  assert.deepEqual(refusals, []);
}

function policy(name: string): string {
  return `# keep this remark
apiVersion: stakeout/v1
kind: Policy
metadata: { name: ${name} }
target: { service: "${name}*" }
rules:
  - { metric: process_cpu, threshold: 80%, period: 10s, count: 5 }
start: [on_cpu]
`;
}

Deno.test("stakeout policy saves, lists, pauses, prints and deletes policies of the local backend", async () => {
  await withBackend(async (home) => {
    const run = async (args: string[], stdin = "") => {
      const { code, stdout, errors } = await runProgram(["policy", ...args], { home, stdin });
      assert.deepEqual([code, errors], [0, []]);
      return stdout;
    };
    await Deno.writeTextFile(`${home}/a.yaml`, policy("checkout"));
    assert.equal(
      await run(["apply", "-f", `${home}/a.yaml`, "-f", "-"], policy("search")),
      "checkout: saved as version 1\nsearch: saved as version 1\n",
    );
    assert.equal(await run(["get", "checkout"]), policy("checkout"));
    assert.equal(await run(["pause", "checkout", "search"]), "checkout: paused\nsearch: paused\n");
    assert.equal(await run(["resume", "search"]), "search: active\n");
    assert.match(
      await run(["list"]),
      /^NAME +VERSION +STATE .*\ncheckout +2 +paused .*\nsearch +3 +active .*\n$/,
    );
    assert.equal(await run(["delete", "search"]), "search: deleted\n");
    const listed = JSON.parse(await run(["list", "--output", "json"]));
    assert.deepEqual(listed.map((one: { name: string; paused: boolean }) => [one.name, one.paused]), [[
      "checkout",
      true,
    ]]);
  });
});

Deno.test("stakeout task lists, shows and exports what an agent reported", async () => {
  await withBackend(async (home, backend) => {
    await reportTask(backend.url);
    const run = async (...args: string[]) => {
      const { code, stdout, errors } = await runProgram(["task", ...args], { home });
      assert.equal(code, 0, errors.join("\n"));
      return stdout;
    };
    const list = await run("list", "--metric", "process_cpu", "--status", "done");
    assert.match(
      list,
      /^ID +STARTED +STATE .*\n3f2a00000000 +2026-11-23T12:00:00Z +done +checkout +check\\x1b\[2Jout +4711 +node-1 +process_cpu >= 80 % in 2 of 3 s\n$/,
    );
    assert.equal(await run("list", "--status", "running"), "");
    const shown = JSON.parse(await run("show", "3f2a", "--output", "json"));
    assert.deepEqual(shown.cause.slots, [null, 91, 92.5]);
    assert.match(
      await run("show", "3f2a"),
      /\nwindow +- 91 92\.5 \(one a second, until 2026-11-23T12:00:00Z\)\nsamples +23 taken = 23 stored \+ 0 lost.*\nstacks +100 % whole\n/,
    );
    assert.deepEqual(shown.stacks.on_cpu.ends, { whole: 23 });
    assert.equal(await run("export", "3f2a", "--format", "folded", "-o", "-"), "main;hash_block 23\n");
    await run("export", taskId, "-o", `${home}/p.pb.gz`);
    assert.deepEqual([...(await Deno.readFile(`${home}/p.pb.gz`)).subarray(0, 2)], [0x1f, 0x8b]);
    await run("export", "3f2a", "-o", `${home}/p.speedscope.json`);
    assert.match(await Deno.readTextFile(`${home}/p.speedscope.json`), /hash_block/);
  });
});

Deno.test("stakeout says in one line what the backend refuses", async () => {
  await withBackend(async (home) => {
    const cases: [args: string[], error: RegExp][] = [
      [["task", "list", "--token-file", `${home}/wrong`], /does not know the token; check --token-file/],
      [["policy", "delete", "x", "--token-file", `${home}/viewer`], /^error: .*viewer.*; .*editor/],
      [["policy", "get", "nothing"], /^error: No .*policy.*; list/],
      [["policy", "pause", "nothing"], /^error: No .*policy.*; list/],
      [["task", "show", "ffff"], /^error: There is no task ffff; see stakeout task list$/],
      [["task", "show", "f".repeat(32)], /^error: No such task/],
      [["task", "stop", "f".repeat(32)], /^error: No such task/],
      [["task", "extend", "f".repeat(32), "--by", "1m"], /^error: No such task/],
      [["task", "start", "--pid", "4711"], /^error: There is no process 4711; see /],
      [["task", "start", "--service", "nothing"], /^error: No process of this service runs/],
      [["task", "start", "--service", "x", "--token-file", `${home}/viewer`], /^error: .*viewer.*; .*editor/],
      [["task", "export", "f".repeat(32), "-o", `${home}/x.folded`], /^error: No such task/],
    ];
    for (const [args, error] of cases) {
      const { code, stdout, errors } = await runProgram(args, { home });
      assert.equal(stdout, "");
      assert.equal(errors.length, 1, errors.join("\n"));
      assert.match(errors[0]!, error);
      assert.equal(code, 1);
    }
  });
});

Deno.test("stakeout doctor checks a reachable backend, its token and its clock", async () => {
  await withBackend(async (home) => {
    const { stdout } = await runProgram(["doctor", "--json"], { home });
    const checks: { name: string; level: string }[] = JSON.parse(stdout);
    const found = checks.filter(({ name }) => name.startsWith("backend")).map(({ name, level }) =>
      `${name}: ${level}`
    );
    assert.deepEqual(found, ["backend: ok", "backend token: ok", "backend clock: ok"]);
  });
});
