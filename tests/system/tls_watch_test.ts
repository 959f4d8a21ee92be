import assert from "node:assert/strict";
import { runCurl } from "../support/http_clients.ts";
import { makeCertificate } from "../support/certificate.ts";
import { startNode } from "../support/http_servers.ts";
import { startStakeout } from "../support/stakeout.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { sleep } from "../support/wait.ts";

/** A policy on node with one rule. */
function policy(tls: boolean): string {
  return `apiVersion: stakeout/v1
kind: Policy
metadata: { name: errors }
target: { exe: "*/node" }
rules: [{ metric: http_error_rate, threshold: 30%, period: 10s, count: 2 }]
start: [on_cpu]
duration: 1s
silence: 0s
tls: ${tls}
`;
}

testAsRoot(
  "watch trips on errors within TLS of a server that started after it, by the policy that allows it",
  async () => {
    for (const tls of [true, false]) {
      await using folder = await makeTestFolder("tls");
      const certificate = await makeCertificate(folder.path);
      await Deno.writeTextFile(`${folder.path}/policy.yaml`, policy(tls));
      await using watch = startStakeout([
        "watch",
        "-f",
        `${folder.path}/policy.yaml`,
        "-o",
        `${folder.path}/tasks`,
      ]);
      await watch.waitForLine(/^watching \d+ process(es)?$/);
      await using server = await startNode(certificate);
      const deadlineMs = performance.now() + 6000;
      const url = `https://127.0.0.1:${server.port}`;
      while (performance.now() < deadlineMs) {
        await runCurl("-k", `${url}/`, `${url}/status/500`);
        await sleep(20);
      }
      const tripped = watch.lines.some((line) => /msg="Task started" .*policy=errors/.test(line));
      assert.equal(tripped, tls, watch.lines.join("\n"));
      watch.kill("SIGINT");
      assert.equal(await watch.ended(10), 0);
    }
  },
);
