import assert from "node:assert/strict";
import { listHeldObjects } from "../support/bpf_objects.ts";
import { getRequest, RawConnection } from "../support/http_clients.ts";
import { startPython } from "../support/http_servers.ts";
import { type RunningStakeout, startStakeout } from "../support/stakeout.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { sleep } from "../support/wait.ts";

/** A policy on python3 with one rule. */
function policy(name: string, rule: string): string {
  return `apiVersion: stakeout/v1
kind: Policy
metadata: { name: ${name} }
target: { exe: "*/python3*" }
rules: [{ ${rule}, period: 10s, count: 2 }]
start: [on_cpu]
duration: 1s
silence: 0s
`;
}

async function startWatch(folder: string, policies: string): Promise<RunningStakeout> {
  await Deno.writeTextFile(`${folder}/policies.yaml`, policies);
  const watch = startStakeout(["watch", "-f", `${folder}/policies.yaml`, "-o", `${folder}/tasks`]);
  await watch.waitForLine(/^watching \d+ process(es)?$/);
  return watch;
}

testAsRoot(
  "watch trips on each HTTP metric and kind of URI rule under real traffic, and not on what is well",
  async () => {
    await using folder = await makeTestFolder("http");
    await using server = await startPython("thread");
    const tripping = {
      "rate-all": "metric: http_error_rate, threshold: 30%",
      "rate-path": "metric: http_error_rate, threshold: 100%, errors: 5xx, uri: { paths: [/status/503] }",
      "slow-prefix": "metric: http_avg_response_time, threshold: 35ms, uri: { prefixes: [/delay, /other] }",
      "p95-all": "metric: http_p95_response_time, threshold: 35ms",
      "p99-path": "metric: http_p99_response_time, threshold: 35ms, uri: { paths: [/delay/40] }",
      "rate-regex": 'metric: http_error_rate, threshold: 90%, uri: { regex: "^/status/[45]" }',
      "hung":
        "metric: http_avg_response_time, threshold: 800ms, include_pending: true, uri: { paths: [/hang] }",
    };
    const quiet = {
      "well-path": "metric: http_error_rate, threshold: 1%, uri: { paths: [/status/200] }",
      "well-5xx": "metric: http_error_rate, threshold: 50%, errors: 5xx",
      "well-prefix": "metric: http_avg_response_time, threshold: 30ms, uri: { prefixes: [/status] }",
      "well-regex": 'metric: http_error_rate, threshold: 1%, uri: { regex: "^/delay/" }',
      "no-traffic": "metric: http_request_rate, threshold: 1, uri: { paths: [/never] }",
      "client": "metric: http_request_rate, threshold: 1, role: client",
      "hung-not-judged": "metric: http_avg_response_time, threshold: 800ms, uri: { paths: [/hang] }",
    };
    const texts = Object.entries({ ...tripping, ...quiet }).map(([name, rule]) => policy(name, rule));
    await using watch = await startWatch(folder.path, texts.join("---\n"));
    await watch.waitForLine(/msg="HTTP is watched"/);
    using hung = await RawConnection.open(server.port);
    await hung.send(getRequest("/hang"));
    using client = await RawConnection.open(server.port);
    const deadlineMs = performance.now() + 5000;
    while (performance.now() < deadlineMs) {
      for (const path of ["/status/200", "/status/404", "/status/404", "/status/503", "/delay/40?q"]) {
        await client.get(path);
      }
    }
    for (const name of Object.keys(tripping)) {
      await watch.waitForLine(new RegExp(`msg="Task (started|refused)" .*policy=${name} `), 10);
    }
    await sleep(1500);
    for (const name of Object.keys(quiet)) {
      assert.ok(!watch.lines.some((line) => line.includes(`policy=${name} `)), watch.lines.join("\n"));
    }
    watch.kill("SIGINT");
    assert.equal(await watch.ended(10), 0);
    const [task] = [...Deno.readDirSync(`${folder.path}/tasks`)];
    const { cause } = JSON.parse(await Deno.readTextFile(`${folder.path}/tasks/${task!.name}/task.json`));
    assert.ok(cause.metric.startsWith("http_") && cause.slots.some((value: number | null) => value === null));
  },
);

testAsRoot("watch has no HTTP program in the kernel without an HTTP rule", async () => {
  await using folder = await makeTestFolder("http");
  await using server = await startPython("thread");
  await using watch = await startWatch(folder.path, policy("cpu", "metric: process_cpu, threshold: 900%"));
  await sleep(1500);
  const { programs, links } = listHeldObjects(watch.pid);
  assert.deepEqual([programs.length, links.length], [1, 1], `${server.pid}`);
});
