import assert from "node:assert/strict";
import { silentLogger } from "../../../lib/log.ts";
import { buildProgram, type RunningProgram, startProgram } from "../../../tests/programs/names_build.ts";
import { BadModules } from "../child/bad_modules.ts";
import { NameResolver, type NameResolverOptions } from "./resolver.ts";

const child = new URL("../../../tests/programs/names_child.ts", import.meta.url).pathname;
const command = [Deno.execPath(), "run", "-A", "--v8-flags=--max-old-space-size=96", child];

/** What the child says first, in shell. */
const sayReady = `printf '\\20\\0\\0\\0{"type":"ready"}'`;

/** Runs a test with a target whose functions' addresses are known. */
async function withTarget(
  test: (target: RunningProgram, addressOf: (name: string) => bigint) => Promise<void>,
) {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-names-" });
  try {
    await buildProgram("names_target.c", `${folder}/target`, ["-O0"]);
    await using target = await startProgram(`${folder}/target`, [], "end 25\n");
    await test(target, (name) => BigInt(new RegExp(`^${name} (0x[0-9a-f]+)$`, "m").exec(target.text)![1]!));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function withResolver(
  pids: number[],
  options: Partial<NameResolverOptions>,
  test: (resolver: NameResolver) => Promise<void>,
): Promise<void> {
  const resolver = await NameResolver.start({ command, pids, logger: silentLogger, ...options });
  try {
    await test(resolver);
  } finally {
    await resolver.close();
  }
}

async function nameOf(resolver: NameResolver, pid: number, address: bigint): Promise<string> {
  const [frames] = await resolver.resolve([{ pid, kind: "user", addresses: BigUint64Array.of(address) }]);
  return frames![0]!.function;
}

Deno.test("resolve() names frames of live and of ended targets, list for list", async () => {
  await withTarget(async (target, addressOf) => {
    await withResolver([target.pid, 2 ** 30], {}, async (resolver) => {
      const leaf = addressOf("hidden_leaf") + 1n;
      const many = Array.from({ length: 3 }, () => new BigUint64Array(3000).fill(leaf));
      const named = await resolver.resolve([
        { pid: target.pid, kind: "user", addresses: BigUint64Array.of(leaf, addressOf("main") + 5n) },
        { pid: target.pid, kind: "user", addresses: new BigUint64Array(0) },
        { pid: 2 ** 30, kind: "user", addresses: BigUint64Array.of(5n) },
        ...many.map((addresses) => ({ pid: target.pid, kind: "user" as const, addresses })),
      ]);
      assert.deepEqual(named.map(({ length }) => length), [2, 0, 1, 3000, 3000, 3000]);
      assert.deepEqual(named[0]!.map((frame) => frame.function), ["hidden_leaf", "main"]);
      assert.deepEqual(named[2], [{ kind: "user", function: "", module: "", address: 5n }]);
      assert.equal(named[5]![2999]!.function, "hidden_leaf");
      Deno.kill(target.pid, "SIGKILL");
      while ((await Deno.readTextFile(`/proc/${target.pid}/maps`).catch(() => "")) !== "") {
        await resolver.refresh();
      }
      assert.equal(await nameOf(resolver, target.pid, leaf), "hidden_leaf");
      assert.equal(resolver.problem, "");
    });
  });
});

Deno.test("resolve() starts the child once more when it dies, and then goes on without names", async () => {
  await withTarget(async (target, addressOf) => {
    await withResolver([target.pid], {}, async (resolver) => {
      const leaf = addressOf("hidden_leaf") + 1n;
      killChild();
      assert.equal(await nameOf(resolver, target.pid, leaf), "hidden_leaf");
      assert.match(resolver.problem, /^Naming child failed: it ended with SIGKILL \(started anew\)$/);
      killChild();
      assert.equal(await nameOf(resolver, target.pid, leaf), "");
      assert.match(resolver.problem, /given up, frames have no names/);
      await resolver.refresh();
    });
  });
});

Deno.test("resolve() goes on without names when the child hangs, answers nonsense, eats memory or is missing", async () => {
  const cases: [string[], Partial<NameResolverOptions>, RegExp][] = [
    [["sleep", "60"], { startMs: 200 }, /it took over 200 ms to start \(/],
    [["sh", "-c", `${sayReady}; exec sleep 60`], { deadlineMs: 200 }, /it took over 200 ms \(/],
    [["sh", "-c", "printf '\\1\\0\\0\\0{'; sleep 60"], {}, /it answered nonsense/],
    [["sh", "-c", "printf '\\3\\0\\0\\0\"x\"'; sleep 60"], {}, /it answered nonsense/],
    [["sh", "-c", "exit 3"], {}, /it ended with code 3/],
    [["/nowhere/at/all"], {}, /it cannot be started/],
    [command, { memoryLimitBytes: 1024 * 1024 }, /it used over 1048576 bytes of memory/],
  ];
  for (const [words, options, problem] of cases) {
    await withResolver([Deno.pid], { command: words, ...options }, async (resolver) => {
      const [frames] = await resolver.resolve([{
        pid: Deno.pid,
        kind: "user",
        addresses: BigUint64Array.of(7n, 8n),
      }]);
      assert.deepEqual(frames!.map((frame) => frame.address), [7n, 8n]);
      assert.match(resolver.problem, problem);
    });
  }
});

Deno.test("resolve() waits for a child that starts slowly: only its answers have a deadline", async () => {
  await withTarget(async (target, addressOf) => {
    const slow = ["sh", "-c", `sleep 2; exec ${command.join(" ")}`];
    await withResolver([target.pid], { command: slow, deadlineMs: 1500 }, async (resolver) => {
      assert.equal(await nameOf(resolver, target.pid, addressOf("hidden_leaf") + 1n), "hidden_leaf");
      assert.equal(resolver.problem, "");
    });
  });
});

Deno.test("resolve() tells every later child, also of other tasks, which file one died of", async () => {
  const path = await Deno.makeTempFile({ prefix: "stakeout-names-" });
  try {
    // Says that it reads module 1:2:3, notes what it was asked, and dies.
    const message = '{"type":"module","key":"1:2:3"}';
    const script = `printf '\\37\\0\\0\\0%s' '${message}'; dd bs=4096 count=1 2>&- >> ${path}; exit 1`;
    const badModules = new BadModules();
    for (let task = 0; task < 2; task++) {
      await withResolver([], { command: ["sh", "-c", script], badModules }, (resolver) => {
        assert.match(resolver.problem, /given up/);
        return Promise.resolve();
      });
    }
    const asked = (await Deno.readTextFile(path)).match(/"skip":\[[^\]]*\]/g);
    // The next task's first child knows it too.
    assert.deepEqual(asked, ['"skip":[]', ...Array(3).fill('"skip":["1:2:3"]')]);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("resolve() keeps the names when the child dies of lines, and asks for lines twice at most", async () => {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-names-" });
  try {
    // Answers what it is asked until it is asked for lines; then it says what it reads, and dies.
    const script = `
      import { encodeMessage, MessageDecoder } from "${new URL(
      "../child/message_codec.ts",
      import.meta.url,
    )}";
      const decoder = new MessageDecoder();
      const frame = [0, 0, 1, 0, 1, 0, 0];
      const named = { type: "resolved", strings: ["leaf", ""], stacks: [frame], addresses: ["7"], wanted: [], notes: [] };
      const say = (message) => Deno.stdout.writeSync(encodeMessage(message));
      say({ type: "ready" });
      for await (const piece of Deno.stdin.readable) {
        for (const { type } of decoder.push(piece)) {
          Deno.writeTextFileSync("${folder}/asked", type + "\\n", { append: true });
          if (type === "lines") {
            say({ type: "module", key: "lines abcd" });
            Deno.exit(1);
          }
          say(type === "resolve" ? named : { type: "done" });
        }
      }`;
    await Deno.writeTextFile(`${folder}/child.ts`, script);
    const badModules = new BadModules();
    const options = {
      command: [Deno.execPath(), "run", "-A", "--no-check", `${folder}/child.ts`],
      badModules,
    };
    await withResolver([], options, async (resolver) => {
      for (let round = 0; round < 4; round++) assert.equal(await nameOf(resolver, 1, 7n), "leaf");
    });
    assert.deepEqual(badModules.list(), ["lines abcd"]);
    const asked = (await Deno.readTextFile(`${folder}/asked`)).split("\n");
    assert.equal(asked.filter((type) => type === "lines").length, 2);
    assert.equal(asked.filter((type) => type === "resolve").length, 4);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("close() ends the child at once, also while it works", async () => {
  const resolver = await NameResolver.start({ command, pids: [Deno.pid], logger: silentLogger });
  const pids = childPids();
  assert.equal(pids.length, 1);
  const answer = resolver.resolve([{ pid: Deno.pid, kind: "kernel", addresses: BigUint64Array.of(7n) }]);
  await resolver.close();
  assert.equal((await answer)[0]!.length, 1);
  assert.equal(childPids().length, 0);
});

/** Naming children of this program. */
function childPids(): number[] {
  const text = Deno.readTextFileSync(`/proc/${Deno.pid}/task/${Deno.pid}/children`) +
    [...Deno.readDirSync(`/proc/${Deno.pid}/task`)]
      .filter(({ name }) => name !== String(Deno.pid))
      .map(({ name }) => Deno.readTextFileSync(`/proc/${Deno.pid}/task/${name}/children`)).join("");
  return text.split(" ").filter((word) => word !== "").map(Number)
    .filter((pid) => Deno.readTextFileSync(`/proc/${pid}/cmdline`).includes("names_child.ts"));
}

function killChild(): void {
  for (const pid of childPids()) Deno.kill(pid, "SIGKILL");
}
