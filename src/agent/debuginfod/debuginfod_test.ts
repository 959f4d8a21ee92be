import assert from "node:assert/strict";
import { silentLogger } from "../../../lib/log.ts";
import { buildProgram, readOutput, startProgram } from "../../../tests/programs/names_build.ts";
import { findFreePort } from "../../../tests/support/free_port.ts";
import { startDebuginfod } from "../../../tests/support/start_debuginfod.ts";
import { NameResolver } from "../names/resolver.ts";
import { Debuginfod } from "./debuginfod.ts";

const child = new URL("../../../tests/programs/names_child.ts", import.meta.url).pathname;
const command = [Deno.execPath(), "run", "-A", child];

/** A server of our own that counts what it is asked, and a cache before it. */
async function withServer(
  answer: (path: string) => Response,
  test: (
    parts: {
      open: (limits?: object) => Promise<Debuginfod>;
      asked: string[];
      folder: string;
      clock: { nowMs: number };
    },
  ) => Promise<void>,
): Promise<void> {
  const asked: string[] = [];
  const clock = { nowMs: 1_795_000_000_000 };
  const folder = await Deno.makeTempDir({ prefix: "stakeout-debuginfod-" });
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, ({ url }) => {
    asked.push(new URL(url).pathname);
    return answer(new URL(url).pathname);
  });
  const url = `http://127.0.0.1:${server.addr.port}/`;
  try {
    const open = (limits: object = {}) =>
      Debuginfod.open({
        ...{
          folder: `${folder}/cache`,
          urls: [url],
          maxFileBytes: 1000,
          maxCacheBytes: 3000,
          logger: silentLogger,
        },
        clock: { nowUnixMs: () => clock.nowMs },
        ...limits,
      });
    await test({ open, asked, folder: `${folder}/cache`, clock });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function idOf(number: number): string {
  return number.toString(16).padStart(40, "0");
}

Deno.test("fetch() asks once an hour for what cannot be had, also after a restart", async () => {
  await withServer(
    (path) => new Response("no", { status: path.includes(idOf(1)) ? 404 : 500 }),
    async (parts) => {
      const { open, asked, clock } = parts;
      for (let round = 0; round < 3; round++) {
        assert.deepEqual(await (await open()).fetch([idOf(1), idOf(2), "../../etc/passwd"]), []);
      }
      assert.deepEqual(asked, [`/buildid/${idOf(1)}/debuginfo`, `/buildid/${idOf(2)}/debuginfo`]);
      clock.nowMs += 59 * 60_000;
      await (await open()).fetch([idOf(1)]);
      assert.equal(asked.length, 2);
      clock.nowMs += 2 * 60_000;
      await (await open()).fetch([idOf(1)]);
      assert.equal(asked.length, 3);
    },
  );
});

Deno.test("fetch() keeps what came, drops what is too large, and the longest unused when the cache is full", async () => {
  const answer = (path: string) => new Response("x".repeat(path.includes(idOf(9)) ? 1001 : 900));
  await withServer(answer, async ({ open, asked, folder, clock }) => {
    const debuginfod = await open();
    async function fetchOne(number: number): Promise<boolean> {
      clock.nowMs += 1000;
      return (await debuginfod.fetch([idOf(number)])).length === 1;
    }
    const list = () =>
      [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => !name.endsWith("missing"))
        .sort();
    assert.equal(await fetchOne(9), false);
    assert.deepEqual(list(), []);
    for (const number of [1, 2, 3, 1]) assert.equal(await fetchOne(number), true);
    assert.equal(asked.length, 4);
    assert.equal(await fetchOne(4), true);
    // 2 was used longest ago.
    assert.deepEqual(list(), [1, 3, 4].map((number) => `${idOf(number)}.debug`));
    assert.equal((await Deno.stat(folder)).mode! & 0o777, 0o700);
    assert.equal((await Deno.stat(`${folder}/${idOf(1)}.debug`)).mode! & 0o777, 0o600);
    await Deno.writeTextFile(`${folder}/${idOf(5)}.part`, "half");
    await open();
    assert.equal(list().length, 3);
  });
});

Deno.test("NameResolver names a stripped program after its debug file came from Debian's debuginfod", async () => {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-debuginfod-" });
  try {
    await Deno.mkdir(`${folder}/served`);
    const [path, served] = [`${folder}/target`, `${folder}/served/target.debug`];
    await buildProgram("names_target.c", path, ["-O1", "-g", "-Wl,--build-id=sha1"]);
    await readOutput("objcopy", ["--only-keep-debug", path, served]);
    await readOutput("objcopy", ["--strip-all", path]);
    await using target = await startProgram(path, [], "end 25\n");
    const leaf = BigInt(/^hidden_leaf (0x[0-9a-f]+)$/m.exec(target.text)![1]!) + 1n;
    const request = { pid: target.pid, kind: "user", addresses: BigUint64Array.of(leaf) } as const;
    async function resolve(debuginfod?: Debuginfod) {
      const options = { command, pids: [target.pid], logger: silentLogger };
      const resolver = await NameResolver.start({ ...options, ...(debuginfod && { debuginfod }) });
      const [frames] = await resolver.resolve([request]);
      await resolver.close();
      return frames![0]!;
    }
    assert.equal((await resolve()).function, "");
    const port = findFreePort();
    await using _server = await startDebuginfod(`${folder}/served`, port);
    const debuginfod = await Debuginfod.open({
      ...{
        folder: `${folder}/cache`,
        urls: [`http://127.0.0.1:${port}`],
        maxFileBytes: 1e6,
        maxCacheBytes: 1e7,
      },
      ...{ clock: { nowUnixMs: () => Date.now() }, logger: silentLogger },
    });
    const named = await resolve(debuginfod);
    assert.equal(named.function, "hidden_leaf");
    assert.match(named.source!.file, /\/names_target\.c$/);
    await Deno.remove(served);
    assert.equal((await resolve(debuginfod)).function, "hidden_leaf");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
