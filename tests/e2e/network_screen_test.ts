import { create, type MessageInitShape } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { repositoryRoot } from "../../scripts/command.ts";
import { sampleFarChunk, sampleNetworkChunk } from "../../src/backend/sample_network.ts";
import { sampleTask, sampleTaskId } from "../../src/backend/sample_records.ts";
import { NetworkChunkSchema, NetworkProtocol, NetworkRole } from "../../src/gen/stakeout/v1/network_pb.ts";
import { ProfileKind, TaskState } from "../../src/gen/stakeout/v1/task_pb.ts";
import { openPage } from "../support/browser.ts";
import { type FedBackend, type RecordBody, startFedBackend } from "../support/fed_backend.ts";

const screenshots = `${repositoryRoot}/test-results/e2e/network`;
const startMs = Date.now() - 600_000;
const farTaskId = "b".repeat(32);

function task(state: TaskState, id = sampleTaskId): RecordBody {
  const body = sampleTask(1, { state, startMs, id }).body as RecordBody & { case: "task" };
  return { ...body, value: { ...body.value, kinds: [ProfileKind.NETWORK] } } as RecordBody;
}

function network(value: MessageInitShape<typeof NetworkChunkSchema>): RecordBody {
  return { case: "network", value } as RecordBody;
}

async function openTask(backend: FedBackend, page: Page): Promise<void> {
  page.setDefaultTimeout(15_000);
  await backend.open(page, `/tasks/${sampleTaskId}`);
}

/** Where the cards are: title, left, top. */
async function cards(page: Page): Promise<string[]> {
  const found = await page.evaluate(`[...document.querySelectorAll(".node")].map((node) =>
    [node.querySelector(".node-title").textContent, node.style.left, node.style.top].join(" "))`);
  return found as string[];
}

Deno.test("a network profile grows on screen without moving, and tells of lines, requests, names, ranges and losses", async () => {
  await Deno.mkdir(screenshots, { recursive: true });
  await using backend = await startFedBackend();
  await backend.report(
    task(TaskState.RUNNING),
    network(sampleNetworkChunk({ number: 0, startMs })),
    // Another task of this host has the bank's end of the second edge.
    task(TaskState.RUNNING, farTaskId),
    network(sampleFarChunk({ number: 0, startMs, taskId: farTaskId })),
  );
  await using browser = await openPage();
  const { page, faults } = browser;
  await openTask(backend, page);
  await page.getByText("All 5 s; drag to look at a part").waitFor();
  await page.locator(".node").filter({ hasText: "bankd (77)" }).waitFor();
  await page.getByText(/^What could not be told: 1 connection is encrypted; one limit/).waitFor();
  const before = await cards(page);
  assert.equal(before.length, 4);

  const more = sampleNetworkChunk({ number: 1, startMs });
  more.edges.push(
    create(NetworkChunkSchema, {
      edges: [{
        ...{ edge: 4, processId: "p-0", protocol: NetworkProtocol.TCP, role: NetworkRole.CLIENT },
        ...{
          localAddress: new Uint8Array([10, 0, 0, 1]),
          remoteAddress: new Uint8Array([10, 0, 0, 99]),
          serverPort: 8500,
        },
      }],
      traffic: [{ edge: 4, connects: 3, connectsRefused: 3 }],
    }).edges[0]!,
  );
  more.traffic.push(
    create(NetworkChunkSchema, {
      traffic: [{ edge: 4, second: 1, connects: 3, connectsRefused: 3, sentBytes: 1_000_000n }],
    }).traffic[0]!,
  );
  await backend.report(network(more));
  await page.getByText("All 10 s; drag to look at a part").waitFor();
  await page.locator(".node").filter({ hasText: "10.0.0.99:8500" }).getByText("3 failed connects").waitFor();
  assert.deepEqual((await cards(page)).filter((card) => !card.startsWith("10.0.0.99")), before);
  const path = page.locator(".path-table tbody tr").filter({ hasText: "/buy" });
  assert.match(await path.innerText(), /\/buy\s+200\s+20 \/s\s+0\s+20\s/);
  assert.match(await page.locator(".dns-table tbody").innerText(), /bank\.internal\s+A\s+20\s+2\s/);

  // A line by its card, then as a row of the table.
  await page.locator(".node").filter({ hasText: "bankd (77)" }).click();
  const chosen = page.getByRole("region", { name: "Chosen connection" });
  await chosen.getByText("TCP :443 with TLS", { exact: true }).waitFor();
  await chosen.getByText(/Seen from the other end, bankd \(77\) on host-of-agent-1/).waitFor();
  assert.equal(
    await chosen.getByRole("link", { name: "Its own task" }).getAttribute("href"),
    `/tasks/${farTaskId}`,
  );
  await chosen.getByRole("region", { name: "Retransmits and resets" }).waitFor();
  await chosen.getByRole("button", { name: "Close" }).click();
  await page.getByRole("button", { name: "Table", exact: true }).click();
  await page.getByRole("button", { name: "Throughput" }).click();
  const rows = page.locator(".link-table tbody tr");
  assert.match(await rows.last().innerText(), /10\.0\.0\.53:53/);
  assert.match(await rows.filter({ hasText: "bankd (77)" }).textContent() ?? "", /, TCP :443 with TLS/);
  await page.getByRole("button", { name: "curl (1009)" }).focus();
  await page.keyboard.press("Enter");
  await chosen.getByRole("region", { name: "Latency" }).waitFor();
  await page.getByRole("button", { name: "Slow 2" }).click();
  const samples = page.locator(".sample-table tbody tr");
  assert.equal(await samples.count(), 2);
  assert.match(
    await samples.first().locator(".time-parts").getAttribute("aria-label") ?? "",
    /^reading 10 µs, working 9 ms, writing 50 µs$/,
  );
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await samples.first().getByRole("button", { name: "Copy the trace id" }).click();
  await samples.first().getByText("Copied").waitFor();
  assert.equal(await page.evaluate("navigator.clipboard.readText()"), "4bf92f3577b34da6a3ce929d0e0e4736");

  await page.getByRole("slider", { name: "Start of the range" }).focus();
  await page.keyboard.press("End");
  await page.getByText(/: 1 s, 20 requests/).waitFor();
  await page.getByText("20 in all").waitFor();
  await backend.report(task(TaskState.DONE));
  await page.getByText(/^done$/i).first().waitFor();
  await page.screenshot({ path: `${screenshots}/screen_chosen.png`, fullPage: true });
  assert.deepEqual(faults, []);
});

Deno.test("200 peers are one scroll away, hostile names stay text, and a narrow screen has the table", async () => {
  await using backend = await startFedBackend();
  const hostile = `<img src=x onerror=alert(1)>\u202egnp.exe ${"long-".repeat(60)}`;
  const peers = Array.from({ length: 200 }, (_, index) => index + 1);
  await backend.report(
    task(TaskState.DONE),
    network({
      ...{ taskId: sampleTaskId, startUnixMs: BigInt(startMs), seconds: 5, last: true },
      processes: [{ processId: "p-0", pid: 1, name: hostile, covered: true }],
      edges: peers.map((edge) => ({
        ...{
          edge,
          processId: "p-0",
          protocol: NetworkProtocol.TCP,
          role: NetworkRole.SERVER,
          serverPort: 80,
        },
        remoteAddress: new Uint8Array([10, 1, 0, edge]),
      })),
      traffic: peers.map((edge) => ({ edge, receivedBytes: BigInt(edge * 1_000), open: 1 })),
      loss: { merged: 3n },
    }),
  );
  await using browser = await openPage({ colorScheme: "dark" });
  const { page, faults } = browser;
  await openTask(backend, page);
  const nodes = page.locator(".node.client");
  await nodes.first().waitFor();
  assert.equal(await nodes.count(), 12);
  assert.match(await nodes.first().innerText(), /^10\.1\.0\.200/);
  await page.getByText("188 more peers").waitFor();
  await page.locator(".node.process").getByText("<img src=x").waitFor();
  assert.equal(await page.locator("img").count(), 0);
  assert.equal((await page.locator(".node.process").innerText()).includes("\u202e"), false);
  await page.getByText("Show all").click();
  await nodes.nth(199).waitFor();
  await page.getByRole("button", { name: "Only the busiest" }).click();
  await page.setViewportSize({ width: 390, height: 800 });
  await page.reload();
  await page.locator(".link-table tbody tr").first().waitFor();
  assert.equal(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), true);
  assert.deepEqual(faults, []);
});

Deno.test("a network profile without traffic says so while it runs and afterwards", async () => {
  await using backend = await startFedBackend();
  const processes = [{ processId: "p-0", pid: 1, name: "idle", covered: true }];
  await backend.report(
    task(TaskState.RUNNING),
    network({ taskId: sampleTaskId, startUnixMs: BigInt(startMs), seconds: 5, processes }),
  );
  await using browser = await openPage();
  const { page, faults } = browser;
  await openTask(backend, page);
  await page.getByText("No traffic yet").waitFor();
  await backend.report(task(TaskState.DONE));
  await page.getByText("No process of the instance sent or received anything").waitFor();
  assert.deepEqual(faults, []);
});
