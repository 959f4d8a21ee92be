import assert from "node:assert/strict";
import type { HttpHook } from "../../src/agent/http/http_programs.ts";
import { startDialogue } from "../support/dialogue.ts";
import { getRequest, RawConnection } from "../support/http_clients.ts";
import { type HttpServer, startPython } from "../support/http_servers.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { libbpf } from "./harness.ts";
import { HttpCounter } from "./http_counter.ts";
import { withoutLeaks } from "./leak_check.ts";

const hooks: readonly HttpHook[] = ["sockets", "calls"];

/** Starts a server and counts all of its processes. */
async function withServer(
  hook: HttpHook,
  server: HttpServer,
  run: (counter: HttpCounter) => Promise<void>,
): Promise<void> {
  await using _server = server;
  await using counter = await HttpCounter.start(hook, server.pids());
  await run(counter);
}

for (const hook of hooks) {
  Deno.test(`http counts every request of threads, forks and workers on TCP and Unix sockets, by ${hook}`, () =>
    withoutLeaks(libbpf, async () => {
      await using folder = await makeTestFolder("http");
      const path = `${folder.path}/socket`;
      for (const kind of ["thread", "fork", "prefork"] as const) {
        for (const family of ["tcp4", "tcp6", "unix"] as const) {
          await Deno.remove(path).catch(() => {});
          const server = await startPython(kind, family, path);
          await withServer(hook, server, async (counter) => {
            for (let connection = 0; connection < 7; connection++) {
              const to = family === "unix" ? path : server.port;
              using client = await RawConnection.open(to, family === "tcp6" ? "::1" : "127.0.0.1");
              for (let request = 0; request < 5; request++) await client.get(`/status/${200 + request}`);
              await client.get("/status/418");
              await client.get("/status/503");
            }
            const { requests, errors4xx, errors5xx } = counter.take();
            assert.deepEqual([requests, errors4xx, errors5xx], [49, 7, 7], `${kind} ${family}`);
            assert.equal(counter.counts().connections.server[0], 7);
            assert.equal(counter.counts().lostChildren, 0);
          });
        }
      }
    }));

  Deno.test(`http counts requests and responses that come in pieces, by ${hook}`, () =>
    withoutLeaks(libbpf, async () => {
      const server = await startPython("thread");
      await withServer(hook, server, async (counter) => {
        counter.filter("server", { kind: "path", text: "/status/404" });
        using client = await RawConnection.open(server.port);
        const request = getRequest("/status/404?page=2");
        for (const at of [1, 2, 3, 4, 5, 8, 11]) {
          await client.send(request.slice(0, at), request.slice(at));
          await client.receive();
        }
        await client.send("G", "E", "T", request.slice(3));
        await client.receive();
        assert.equal(counter.take().errors4xx, 8);
        // The target is put together from both parts.
        assert.equal(counter.takeUri("path", "/status/404").errors4xx, 8);
        for (const path of ["/split", "/iovecs", "/early", "/split", "/iovecs"]) await client.get(path);
        assert.equal(counter.take().requests, 5);
        // The body begins like a request, and like a response.
        for (const body of ["GET /fake HTTP/1.1\r\n", "HTTP/1.1 500 Fake\r\n"]) {
          await client.send(`POST /a HTTP/1.1\r\nContent-Length: ${body.length}\r\n\r\n`, body);
          await client.receive();
        }
        const { requests, errors5xx } = counter.take();
        assert.deepEqual([requests, errors5xx], [2, 0]);
      });
    }));

  Deno.test(`http counts every response to pipelined requests, by ${hook}`, () =>
    withoutLeaks(libbpf, async () => {
      const server = await startPython("thread");
      await withServer(hook, server, async (counter) => {
        using client = await RawConnection.open(server.port);
        for (let round = 0; round < 13; round++) {
          await client.send(getRequest("/status/500").repeat(7));
          await client.receive(7);
        }
        assert.deepEqual([counter.take().errors5xx, counter.counts().pipelined], [91, 78]);
      });
    }));

  Deno.test(`http counts a request by the paths and prefixes it matches, by ${hook}`, () =>
    withoutLeaks(libbpf, async () => {
      const server = await startPython("thread");
      await withServer(hook, server, async (counter) => {
        counter.filter(
          "server",
          { kind: "path", text: "/api/pay" },
          { kind: "prefix", text: "/api" },
          { kind: "prefix", text: "/api/pay" },
          { kind: "prefix", text: "/" },
          { kind: "path", text: `/${"l".repeat(118)}` },
        );
        using client = await RawConnection.open(server.port);
        const paths: [string, number][] = [
          ...[["/api/pay", 3], ["/api/pay?a=1", 5], ["/api/pay/card", 7], ["/api", 11], [
            "/apis",
            2,
          ]] as const,
          ...[["/other", 13], [`/${"l".repeat(118)}`, 17], [`/${"l".repeat(119)}`, 1]] as const,
        ].map(([path, times]) => [path, times]);
        for (const [path, times] of paths) {
          for (let time = 0; time < times; time++) await client.get(path);
        }
        assert.equal(counter.take().requests, 59);
        assert.equal(counter.takeUri("path", "/api/pay").requests, 8);
        assert.equal(counter.takeUri("prefix", "/api/pay").requests, 15);
        assert.equal(counter.takeUri("prefix", "/api").requests, 28);
        assert.equal(counter.takeUri("prefix", "/").requests, 59);
        assert.equal(counter.takeUri("path", `/${"l".repeat(118)}`).requests, 17);
      });
    }));

  Deno.test(`http does not count what a child of a watched process does as another program, by ${hook}`, () =>
    withoutLeaks(libbpf, async () => {
      await using server = await startPython("thread");
      const script = "echo ready; read line; curl -s http://127.0.0.1:$0/; echo; read line";
      await using shell = startDialogue("sh", ["-c", script, `${server.port}`]);
      await shell.expect("ready");
      {
        await using counter = await HttpCounter.start(hook, [shell.pid]);
        await shell.say("go");
        await shell.expect("ok");
        assert.equal(counter.take("client").requests, 0);
        assert.equal(counter.counts().connections.client[0], 0);
      }
    }));

  Deno.test(`http takes the time between request and response to 2 % or 0.2 ms, by ${hook}`, () =>
    withoutLeaks(libbpf, async () => {
      const server = await startPython("thread");
      await withServer(hook, server, async (counter) => {
        using client = await RawConnection.open(server.port);
        await client.get("/");
        counter.take();
        // On a busy machine the server may wait for its turn between its own clock and its call.
        let offNs = Infinity;
        for (let round = 0; round < 5 && offNs > 0.4e6; round++) {
          const before = client.received.length;
          for (let request = 0; request < 23; request++) await client.get("/delay/20");
          const took = [...client.received.slice(before).matchAll(/X-Took: (\d+)/g)].map(([, ns]) =>
            Number(ns)
          );
          const { requests, sumNs } = counter.take();
          assert.deepEqual([requests, took.length], [23, 23]);
          offNs = Math.abs(sumNs - took.reduce((sum, ns) => sum + ns, 0)) / 23;
        }
        // 2 % of 20 ms.
        assert.ok(offNs <= 0.4e6, `${offNs}`);
        // Of a request in pieces the time begins with its first byte.
        await client.send("G", getRequest("/").slice(1));
        await client.receive();
        assert.ok(counter.take().sumNs >= 14e6);
      });
    }));
}
