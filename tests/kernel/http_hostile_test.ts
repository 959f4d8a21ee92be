import assert from "node:assert/strict";
import { repositoryRoot } from "../../scripts/command.ts";
import { bootNs } from "../../lib/sys/kernel_clock.ts";
import type { HttpHook } from "../../src/agent/http/http_programs.ts";
import { startDialogue } from "../support/dialogue.ts";
import { getRequest, RawConnection } from "../support/http_clients.ts";
import { startNginx, startPython } from "../support/http_servers.ts";
import { compileTarget } from "../support/target.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { libbpf, sleep } from "./harness.ts";
import { HttpCounter } from "./http_counter.ts";
import { withoutLeaks } from "./leak_check.ts";

const hooks: readonly HttpHook[] = ["sockets", "calls"];
const tlsHello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "r".repeat(100);

for (const hook of hooks) {
  Deno.test(`http counts connections that cannot be read by their reason, and garbage as nothing, by ${hook}`, () =>
    withoutLeaks(libbpf, async () => {
      await using folder = await makeTestFolder("nginx");
      await Deno.chmod(folder.path, 0o777);
      await using nginx = await startNginx(folder.path);
      await using counter = await HttpCounter.start(hook, nginx.pids());
      const hostile: [string, number][] = [
        ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 3],
        [tlsHello, 5],
        ["\0".repeat(4096), 2],
        ["HTTP/1.1 200 OK\r\n\r\n", 2],
        ["GET", 2],
        ["GEX / HTTP/1.1\r\n\r\n", 1],
        [`GET /${"a".repeat(1_000_000)} HTTP/1.1\r\n\r\n`, 1],
      ];
      for (const [bytes, times] of hostile) {
        for (let time = 0; time < times; time++) {
          using client = await RawConnection.open(nginx.port);
          await client.send(bytes).catch(() => {});
          await sleep(20);
        }
      }
      const { connections } = counter.counts();
      // nginx answers the 1 MB line with 414, and does not know the others' language.
      assert.deepEqual(connections.server, [1, 3, 5, 0, 0, 0, 0, 0]);
      assert.deepEqual([counter.take().errors4xx, counter.take("client").requests], [1, 0]);
      using client = await RawConnection.open(nginx.port);
      await client.get("/");
      assert.equal(counter.take().requests, 1);
    }));

  Deno.test(`http counts a connection as unknown after eight messages without HTTP, by ${hook}`, () =>
    withoutLeaks(libbpf, async () => {
      await using server = await startPython("thread");
      await using counter = await HttpCounter.start(hook, server.pids());
      using client = await RawConnection.open(server.port);
      const request = getRequest("/");
      // The server reads on until it has a whole head: the first seven messages are a header without a request line.
      for (let message = 0; message < 9; message++) {
        await client.send(`x-number-${message}: 12\r\n`);
        await sleep(5);
      }
      await sleep(50);
      assert.equal(counter.counts().connections.server[5], 1);
      assert.equal(request.length > 0 && counter.take().requests, 0);
    }));

  Deno.test(`http lists requests in flight until they are answered or their process is gone, by ${hook}`, () =>
    withoutLeaks(libbpf, async () => {
      await using server = await startPython("thread");
      await using counter = await HttpCounter.start(hook, server.pids());
      const startedNs = bootNs();
      const clients = await Promise.all([1, 2, 3, 4, 5].map(() => RawConnection.open(server.port)));
      counter.filter("server", { kind: "prefix", text: "/hang" });
      for (const client of clients) await client.send(getRequest("/hang?now"));
      using other = await RawConnection.open(server.port);
      await other.get("/");
      await sleep(50);
      const pending = counter.pending(server.pid);
      assert.equal(pending.length, 5);
      for (const { startBootNs, role, counters } of pending) {
        assert.ok(startBootNs >= startedNs && startBootNs <= bootNs());
        assert.deepEqual([role, counters.length], [0, 1]);
      }
      assert.equal(counter.take().requests, 1);
      await other.send(getRequest("/die"));
      await sleep(200);
      assert.deepEqual(counter.pending(server.pid), []);
      assert.equal(counter.take().requests, 0);
      for (const client of clients) client[Symbol.dispose]();
      // The kernel forgot the process by itself.
      assert.equal(counter.programs.object.map("watches").readBatch().count, 0);
    }));
}

Deno.test("http counts connections through 32-bit calls, io_uring and sendmmsg as unreadable, and none of their requests", () =>
  withoutLeaks(libbpf, async () => {
    await using folder = await makeTestFolder("http-calls");
    await compileTarget("http_calls", `${folder.path}/http_calls`);
    for (const [how, kind] of [["compat", 4], ["io_uring", 3], ["mmsg", 4]] as const) {
      await using child = startDialogue(`${folder.path}/http_calls`, [how, "23"]);
      await child.expect("ready");
      await using counter = await HttpCounter.start("sockets", [child.pid]);
      await child.say("go");
      await child.expect("done");
      const { server, client } = counter.counts().connections;
      assert.deepEqual(server, Array.from({ length: 8 }, (_, index) => index === kind ? 23 : 0), how);
      // The other end of each is as good as any.
      assert.deepEqual([client[0], counter.take("client").requests], [23, 23], how);
      assert.equal(counter.take("server").requests, 0);
    }
  }));

Deno.test("http holds 9,000 connections in under 750 bytes each, and lists the 4,096 requests in flight that it may, in short turns", () =>
  withoutLeaks(libbpf, async () => {
    const pairs = 4_500;
    const program = `${repositoryRoot}/tests/programs/http_pairs.py`;
    await using child = startDialogue("python3", [program, `${pairs}`]);
    await child.expect("ready");
    {
      await using counter = await HttpCounter.start("sockets", [child.pid]);
      const before = kernelMemoryBytes();
      await child.say("go");
      await child.expect("done");
      const perSocket = (kernelMemoryBytes() - before) / (2 * pairs);
      // Other processes come and go meanwhile.
      assert.ok(perSocket < 750, `${perSocket} bytes`);
      const { requests, turnsMs } = counter.timePending(child.pid);
      assert.equal(requests.length, 4096);
      assert.equal(new Set(requests.map(({ startBootNs }) => startBootNs)).size, 4096);
      // In turns of 1,024 files. One of them may have waited for a CPU.
      assert.ok(turnsMs.length >= 9, `${turnsMs.length} turns`);
      assert.ok(turnsMs.toSorted((one, other) => one - other)[4]! < 20, turnsMs.join());
    }
  }));

/** Memory of the kernel's small objects. */
function kernelMemoryBytes(): number {
  return Number(/^SUnreclaim:\s+(\d+) kB/m.exec(Deno.readTextFileSync("/proc/meminfo"))![1]) * 1024;
}
