import assert from "node:assert/strict";
import type { HttpHook } from "../../src/agent/http/http_programs.ts";
import { startDialogue } from "../support/dialogue.ts";
import { runAb, runCurl, runWrk } from "../support/http_clients.ts";
import { buildGo, startGo, startNginx, startNode } from "../support/http_servers.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { libbpf, sleep } from "./harness.ts";
import { HttpCounter } from "./http_counter.ts";
import { withoutLeaks } from "./leak_check.ts";

const hooks: readonly HttpHook[] = ["sockets", "calls"];

for (const hook of hooks) {
  Deno.test(`http counts what ab, curl and wrk got from nginx, by ${hook}`, () =>
    withoutLeaks(libbpf, async () => {
      await using folder = await makeTestFolder("nginx");
      await Deno.chmod(folder.path, 0o777);
      await using nginx = await startNginx(folder.path, 2);
      await using counter = await HttpCounter.start(hook, nginx.pids());
      const url = `http://127.0.0.1:${nginx.port}`;

      assert.equal((await runAb(["-n", "1009", "-c", "7", `${url}/`])).complete, 1009);
      await counter.expect([1009, 0, 0]);
      assert.equal((await runAb(["-n", "2003", "-c", "5", "-k", `${url}/status/404`])).non2xx, 2003);
      await counter.expect([2003, 2003, 0]);
      assert.equal((await runAb(["-n", "503", "-c", "3", "-k", `${url}/status/503`])).non2xx, 503);
      await counter.expect([503, 0, 503]);
      assert.equal((await runAb(["-n", "101", "-c", "3", "-k", `${url}/file`])).complete, 101);
      await counter.expect([101, 0, 0]);
      await runCurl(...Array.from({ length: 13 }, () => `${url}/`));
      await Deno.writeTextFile(`${folder.path}/upload`, "y".repeat(1_000_000));
      for (let round = 0; round < 3; round++) {
        await runCurl("-H", "Expect: 100-continue", "--data-binary", `@${folder.path}/upload`, `${url}/`);
      }
      await counter.expect([13 + 3, 0, 0]);

      const { requests, connections } = await runWrk(`${url}/`);
      await sleep(100);
      const { requests: counted } = counter.take();
      assert.ok(counted >= requests && counted <= requests + connections, `${counted} of ${requests}`);
      const { pipelined, unreadable, connections: kinds } = counter.counts();
      assert.deepEqual([pipelined, unreadable, kinds.server.slice(1)], [0, 0, [0, 0, 0, 0, 0, 0, 0]]);
      assert.ok(kinds.server[0]! > 1009);
    }));

  Deno.test(`http counts what ab got from Node and Go, and what Go's client got, by ${hook}`, () =>
    withoutLeaks(libbpf, async () => {
      await using folder = await makeTestFolder("go");
      const program = await buildGo(folder.path);
      await using node = await startNode();
      await using go = await startGo(program);
      for (const server of [node, go]) {
        await using counter = await HttpCounter.start(hook, server.pids());
        const url = `http://127.0.0.1:${server.port}`;
        await runAb(["-n", "1009", "-c", "7", "-k", `${url}/`]);
        await runAb(["-n", "307", "-c", "3", `${url}/status/500`]);
        await Deno.writeTextFile(`${folder.path}/body`, "z".repeat(50_000));
        await runAb([
          "-n",
          "211",
          "-c",
          "3",
          "-k",
          "-T",
          "text/plain",
          "-p",
          `${folder.path}/body`,
          `${url}/a`,
        ]);
        await runCurl("-H", "Expect: 100-continue", "-d", `@${folder.path}/body`, `${url}/status/404`);
        await counter.expect([1009 + 307 + 211 + 1, 1, 307]);
      }
      const url = `http://127.0.0.1:${node.port}/status/502`;
      await using client = startDialogue(program, ["get", "1013", url]);
      await client.expect("ready");
      {
        await using counter = await HttpCounter.start(hook, [client.pid]);
        await client.say("go");
        await client.expect("done");
        const { requests, errors5xx } = counter.take("client");
        assert.deepEqual([requests, errors5xx], [1013, 1013]);
        assert.equal(counter.take("server").requests, 0);
      }
    }));
}
