import assert from "node:assert/strict";
import { repositoryRoot } from "../../scripts/command.ts";
import { openPage } from "../support/browser.ts";
import { startNginx, startNode } from "../support/http_servers.ts";
import { startStakeout } from "../support/stakeout.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { sleep } from "../support/wait.ts";

const screenshots = `${repositoryRoot}/test-results/e2e/network`;
/** Stands in a header, in the query and in the body of every request; must be nowhere afterwards. */
const canary = "canary-5f1c9a7e3b";
const traceId = "0af7651916cd43dd8448eb211c80319c";

function policy(exe: string): string {
  return `apiVersion: stakeout/v1
kind: Policy
metadata: { name: busy-proxy }
target: { exe: "${exe}" }
rules:
  - { metric: http_request_rate, threshold: 5, period: 5s, count: 1 }
start: [on_cpu, network]
duration: 1m
`;
}

async function post(url: string): Promise<number> {
  const response = await fetch(`${url}?token=${canary}`, {
    method: "POST",
    headers: { authorization: `Bearer ${canary}`, traceparent: `00-${traceId}-b7ad6b7169203331-01` },
    body: `{"card":"${canary}"}`,
  });
  await response.body?.cancel();
  return response.status;
}

testAsRoot(
  "a policy that starts a network profile of nginx shows in the browser who calls it and what it calls, as often as the client did, and no secret",
  async () => {
    await using folder = await makeTestFolder("e2e-network");
    await Deno.chmod(folder.path, 0o777);
    await Deno.mkdir(screenshots, { recursive: true });
    const program = `${folder.path}/proxy`;
    await Deno.copyFile("/usr/sbin/nginx", program);
    await using node = await startNode();
    await using nginx = await startNginx(folder.path, 1, { program, upstreamPort: node.port });
    const url = `http://127.0.0.1:${nginx.port}`;
    const file = `${folder.path}/policy.yaml`;
    await Deno.writeTextFile(file, policy(program));
    const state = ["--state", `${folder.path}/state`];
    await using up = startStakeout(["up", ...state, "--listen", "127.0.0.1:0", "--no-open"]);
    const ready = await up.waitForLine(/^ready: open http/);
    await using apply = startStakeout(["policy", "apply", "-f", file, ...state]);
    assert.equal(await apply.ended(20), 0, apply.lines.join("\n"));
    await using browser = await openPage();
    const { page, faults } = browser;
    page.setDefaultTimeout(20_000);
    await page.goto(ready.slice(ready.indexOf("http")));
    await page.getByRole("link", { name: "Tasks", exact: true }).first().click();

    const row = page.getByRole("row").filter({ hasText: "busy-proxy" });
    for (let tries = 0; await row.count() === 0; tries++) {
      assert.ok(tries < 200, "the policy does not trip");
      await post(`${url}/app/warm`);
      await sleep(50);
    }
    await row.getByRole("link").first().click();
    await page.getByRole("button", { name: "Network", exact: true }).click();
    await page.getByText("This instance").waitFor();

    // Now that it is watched, what is counted is exact: 101 that succeed, 7 that the server behind nginx fails.
    for (let request = 0; request < 101; request++) assert.equal(await post(`${url}/app/buy`), 200);
    for (let request = 0; request < 7; request++) assert.equal(await post(`${url}/app/status/503`), 503);
    const nodes = page.locator(".node");
    const upstream = nodes.filter({ hasText: `node (${node.pid})` });
    await upstream.waitFor();
    await nodes.filter({ hasText: `(${Deno.pid})` }).waitFor();
    const paths = page.locator(".path-table tbody tr");
    const served = paths.filter({ hasText: "/app/buy" });
    await served.filter({ hasText: "101" }).waitFor();
    assert.match(await served.innerText(), /served/);
    assert.match(
      await paths.filter({ hasText: "/app/status/503" }).innerText(),
      /served\s+7\s[^]*?\s0\s+7\s/,
    );
    await page.screenshot({ path: `${screenshots}/map.png`, fullPage: true });

    await upstream.click();
    const chosen = page.getByRole("region", { name: "Chosen connection" });
    await chosen.getByRole("heading", { level: 3 }).first().waitFor();
    assert.match(await chosen.locator("h3").first().innerText(), new RegExp(`→\\s+node \\(${node.pid}\\)`));
    await chosen.getByRole("region", { name: "Requests a second" }).waitFor();
    await chosen.getByRole("region", { name: "Round trip time" }).waitFor();
    // The path as nginx asks for it, without the /app/ that it takes off.
    assert.match(await paths.filter({ hasText: /^\/buy/ }).innerText(), /\/buy\s+101\s/);
    assert.match(await paths.filter({ hasText: "/status/503" }).innerText(), /\s7\s[^]*?\s0\s+7\s/);
    const samples = page.locator(".sample-table tbody tr");
    await page.getByRole("button", { name: /^Failed \d/ }).click();
    await samples.filter({ hasText: "POST /status/503" }).first().waitFor();
    assert.equal(await samples.filter({ hasText: "/buy" }).count(), 0);
    const sample = samples.first();
    assert.match(await sample.innerText(), /503/);
    assert.match(
      await sample.locator(".time-parts").getAttribute("aria-label") ?? "",
      /^sending .*, waiting .*, receiving /,
    );
    await sample.getByTitle(`traceparent: ${traceId}`).waitFor();
    await page.screenshot({ path: `${screenshots}/chosen.png`, fullPage: true });

    await page.getByRole("button", { name: "Table", exact: true }).click();
    await page.locator(".link-table tbody tr").filter({ hasText: `node (${node.pid})` }).filter({
      hasText: "calls",
    })
      .waitFor();
    assert.equal((await page.content()).includes(canary), false);
    await page.getByRole("button", { name: "Stop profiling" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Stop profiling" }).click();
    await page.getByText(/^stopped$/i).first().waitFor();
    const id = page.url().split("/").at(-1)!;
    const json = `${folder.path}/profile.network.json`;
    await using exported = startStakeout(["task", "export", id, "-o", json, ...state]);
    assert.equal(await exported.ended(20), 0, exported.lines.join("\n"));
    const { edges } = JSON.parse(await Deno.readTextFile(json));
    const called = edges.flatMap((edge: { peerProcess: { pid: number } | null; paths: object[] }) =>
      edge.peerProcess?.pid === node.pid ? edge.paths : []
    );
    const buy = called.find(({ path }: { path: string }) => path === "/buy");
    assert.deepEqual([buy.requests, buy.errors4xx, buy.errors5xx], [101, 0, 0]);

    assert.deepEqual(faults, []);
    up.kill("SIGINT");
    assert.equal(await up.ended(5), 0);
    assert.deepEqual(up.lines.filter((line) => /level=error|^\s+at /.test(line)), []);
    assert.equal(up.lines.join("\n").includes(canary), false);
    // What does stand there: the search looks at the right files.
    await assert.rejects(assertNowhere("busy-proxy", `${folder.path}/state`), /stakeout\.db/);
    await assertNowhere(canary, `${folder.path}/state`);
    assert.equal((await Deno.readTextFile(json)).includes(canary), false);
  },
);

/** Reads every file below a folder: the database, its log, the agent's queue. */
async function assertNowhere(text: string, folder: string): Promise<void> {
  for await (const { name, isFile, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) await assertNowhere(text, path);
    if (!isFile) continue;
    const bytes = new TextDecoder("latin1").decode(await Deno.readFile(path));
    assert.equal(bytes.includes(text), false, `${path} holds the secret`);
  }
}
