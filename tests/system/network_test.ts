import assert from "node:assert/strict";
import { expectGone, listHeldObjects } from "../support/bpf_objects.ts";
import { runCurl, runWrk } from "../support/http_clients.ts";
import { startNginx, startPython } from "../support/http_servers.ts";
import { startStakeout } from "../support/stakeout.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { waitFor } from "../support/wait.ts";

/** Of an executable of its own, and so of a service of its own. */
const name = `peers-${Deno.pid}`;

testAsRoot(
  "record --network tells peers, paths and errors of all workers of a service, as a table and as JSON",
  async () => {
    await using folder = await makeTestFolder("network");
    await Deno.chmod(folder.path, 0o777);
    const program = `${folder.path}/${name}`;
    await Deno.copyFile("/usr/sbin/nginx", program);
    await Deno.chmod(program, 0o755);
    await using nginx = await startNginx(folder.path, 2, { program });
    const output = `${folder.path}/a.json`;
    const url = `http://127.0.0.1:${nginx.port}`;
    await using record = startStakeout([
      "record",
      "--network",
      "--pid",
      `${nginx.pid}`,
      "--for",
      "4s",
      "-o",
      output,
    ]);
    const held = await waitFor(() => {
      const now = listHeldObjects(record.pid);
      return now.links.length > 8 ? now : undefined;
    }, 20);
    assert.ok(held !== undefined, "it records");
    const paths = ["/", "/status/404", "/status/503", "/file"];
    for (const path of paths) {
      await runCurl(...Array.from({ length: 10 }, () => `${url}${path}?secret=canary`));
    }
    assert.equal(await record.ended(), 0);
    await expectGone(held);

    const text = await Deno.readTextFile(output);
    assert.ok(!text.includes("canary"));
    const { edges, samples, processes, loss } = JSON.parse(text);
    assert.equal(processes.filter((one: { covered: boolean }) => one.covered).length, 3);
    const counted = new Map<string, number>();
    for (const edge of edges) {
      assert.deepEqual([edge.role, edge.protocol, edge.serverPort], ["server", "tcp", nginx.port]);
      for (const { path, requests } of edge.paths) counted.set(path, (counted.get(path) ?? 0) + requests);
    }
    assert.deepEqual(Object.fromEntries(counted), Object.fromEntries(paths.map((path) => [path, 10])));
    const sum = (name: string) =>
      edges.reduce(
        (total: number, { http }: { http: Record<string, number> }) => total + (http?.[name] ?? 0),
        0,
      );
    assert.deepEqual([sum("requests"), sum("errors4xx"), sum("errors5xx")], [40, 10, 10]);
    assert.ok(
      samples.some(({ reason, status }: { reason: string; status: number }) =>
        reason === "failed" && status === 503
      ),
    );
    assert.equal(loss.untrackedMessages, 0);
    const table = record.lines.join("\n");
    assert.match(table, /^PROCESS +ROLE +PEER +REQ\/S/m);
    assert.match(table, new RegExp(`^${name} \\(\\d+\\) +server +127\\.0\\.0\\.1`, "m"));
    assert.match(table, /^\/status\/503 +127\.0\.0\.1/m);
    const counts = /: (\d+) messages seen, (\d+) told, 0 lost/.exec(table);
    assert.equal(counts?.[1], counts?.[2]);
  },
);

testAsRoot("a policy starts an on-CPU and a network profile as one task", async () => {
  await using folder = await makeTestFolder("network");
  await Deno.chmod(folder.path, 0o777);
  const program = `${folder.path}/${name}`;
  await Deno.copyFile("/usr/sbin/nginx", program);
  await Deno.chmod(program, 0o755);
  await using nginx = await startNginx(folder.path, 1, { program });
  await Deno.writeTextFile(
    `${folder.path}/policy.yaml`,
    `apiVersion: stakeout/v1
kind: Policy
metadata: { name: busy }
target: { exe: "${program}" }
rules: [{ metric: process_cpu, threshold: 10%, period: 5s, count: 1 }]
start: [network, on_cpu]
duration: 3s
`,
  );
  await using watch = startStakeout([
    "watch",
    "-f",
    `${folder.path}/policy.yaml`,
    "-o",
    `${folder.path}/tasks`,
  ]);
  await watch.waitForLine(/^watching \d+ process(es)?$/);
  const { requests } = await runWrk(`http://127.0.0.1:${nginx.port}/paid`, { connections: 4, seconds: 6 });
  const line = await watch.waitForLine(/msg="Task written" folder=/, 20);
  const path = /folder=(\S+)/.exec(line)![1]!;
  const task = JSON.parse(await Deno.readTextFile(`${path}/task.json`));
  assert.deepEqual([task.state, task.kinds, task.message], ["done", ["network", "on_cpu"], ""]);
  const { edges } = JSON.parse(await Deno.readTextFile(`${path}/network.json`));
  const [edge] = edges;
  assert.equal(edges.length, 1, JSON.stringify(edges));
  assert.deepEqual([edge.opened, edge.peerProcess?.name, edge.paths[0].path], [4, "wrk", "/paid"]);
  assert.ok(edge.http.requests > 10 && edge.http.requests < requests, `${edge.http.requests} of ${requests}`);
  assert.ok((await Deno.stat(`${path}/profile.pb.gz`)).size > 100);
});

testAsRoot("record --network joins both ends of what one process of a host asks another", async () => {
  await using folder = await makeTestFolder("network");
  await using server = await startPython("thread");
  const output = `${folder.path}/a.json`;
  await using record = startStakeout([
    "record",
    "--network",
    "--pid",
    `${server.pid}`,
    "--for",
    "6s",
    "-o",
    output,
  ]);
  await waitFor(() => listHeldObjects(record.pid).links.length > 8 || undefined, 20);
  await runWrk(`http://127.0.0.1:${server.port}/a`, { connections: 2, seconds: 3 });
  assert.equal(await record.ended(), 0);
  const { edges } = JSON.parse(await Deno.readTextFile(output));
  const peers = edges.filter((edge: { serverPort: number }) => edge.serverPort === server.port)
    .map((edge: { peerProcess: { name: string } | null }) => edge.peerProcess?.name);
  assert.deepEqual(peers, ["wrk"]);
});
