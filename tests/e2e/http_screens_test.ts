import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { repositoryRoot } from "../../scripts/command.ts";
import { sampleTaskId } from "../../src/backend/sample_records.ts";
import { ProfileKind, SlotState, TaskState } from "../../src/gen/stakeout/v1/task_pb.ts";
import { openPage } from "../support/browser.ts";
import { type FedBackend, type RecordBody, startFedBackend } from "../support/fed_backend.ts";

const screenshots = `${repositoryRoot}/test-results/e2e/http`;
const hostilePath = `/<script>alert(1)</script>/\u202etxt.exe/${"long-path-".repeat(9)}…`;
const policy = `apiVersion: stakeout/v1
kind: Policy
metadata: { name: checkout-errors }
target: { service: checkout }
rules:
  - { metric: http_error_rate, threshold: 5%, period: 10s, count: 3, uri: { prefixes: [/api/pay] }, errors: 5xx }
  - { metric: http_p95_response_time, threshold: 1500ms, period: 60s, count: 5, include_pending: true }
  - { metric: http_avg_response_time, threshold: 200ms, period: 10s, count: 3, role: client }
start: [on_cpu]
`;

/** Two minutes of what an agent tells of a process with HTTP rules, up to now. */
function metrics(nowMs: number): RecordBody {
  const seconds = 120;
  const shown = ["rate", "errors", "avg", "p50", "p95", "p99"].map((name) =>
    ({
      rate: "http_request_rate",
      errors: "http_error_rate",
      avg: "http_avg_response_time",
    })[name] ?? `http_${name}_response_time`
  );
  const series = [
    ...shown.map((metric) => ({ processId: "p-0", metric, uri: "", variant: "" })),
    { processId: "p-0", metric: "http_error_rate", uri: "/api/pay", variant: "prefix 5xx" },
    { processId: "p-0", metric: "http_p95_response_time", uri: "", variant: "pending>1500" },
    ...shown.slice(0, 3).map((metric) => ({ processId: "p-0", metric, uri: "", variant: "client" })),
    { processId: "p-0", metric: "process_cpu", uri: "", variant: "" },
  ];
  const scale = [140, 4, 80, 60, 900, 2300, 6, 1700, 20, 1, 150, 60];
  const values = series.flatMap((_, index) =>
    Array.from({ length: seconds }, (_, second) => {
      const wave = 1 + Math.sin(second / 9 + index) * 0.5 + Math.sin(second * (index + 3)) * 0.2;
      return scale[index]! * Math.max(0, wave) * (second > 85 ? 1.6 : 1);
    })
  );
  const states = new Uint8Array(values.length).fill(1);
  return {
    case: "metrics",
    value: { startUnixMs: BigInt(nowMs - seconds * 1000), seconds, series, values, states },
  };
}

function traffic(nowMs: number): RecordBody {
  const paths = ["/api/pay", "/api/cart", "/health", "/api/pay/refund", hostilePath, "/static/app.js"].map((
    path,
    index,
  ) => ({
    path,
    requests: BigInt(Math.round(900 / (index + 1))),
    errors4xx: index === 2 ? 0n : BigInt(9 - index),
    errors5xx: index === 0 ? 41n : 0n,
    meanMs: 12.3 * (index + 1) ** 3,
    maxMs: 40 * (index + 1) ** 4,
  }));
  const server = {
    processId: "p-0",
    requests: 2300n,
    errors4xx: 60n,
    errors5xx: 41n,
    inFlight: 3,
    oldestInFlightMs: 12_345,
    connections: { http: 60n, http2: 10n, tls: 23n, ioUring: 1n, otherCall: 2n, unknown: 4n, tlsRead: 7n },
    paths: [...paths, { path: "", requests: 77n, meanMs: 30, maxMs: 200 }],
    sampled: 1024n,
    pipelined: 5n,
  };
  const client = {
    ...{ processId: "p-0", client: true, requests: 200n, sampled: 200n, connections: { http: 4n } },
    paths: [{ path: "/v1/charge", requests: 200n, meanMs: 130, maxMs: 900 }],
  };
  return {
    case: "http",
    value: { startUnixMs: BigInt(nowMs - 10_000), seconds: 10, processes: [server, client] },
  };
}

function task(nowMs: number, uri: string): RecordBody {
  const slots = Array.from({ length: 60 }, (_, second) =>
    second % 7 === 5 ? {} : {
      state: SlotState.VALUE,
      value: second > 40 ? 1500 + second * 40 : second * 20,
      requests: 20 + second,
      errors: second % 5,
      pending: second > 40 ? 2 : 0,
    });
  return {
    case: "task",
    value: {
      ...{
        id: sampleTaskId,
        agentId: "agent-1",
        policy: "checkout-errors",
        policyVersion: 1,
        host: "host-1",
      },
      ...{
        processIds: ["p-0"],
        services: ["checkout"],
        instances: ["pod-0"],
        pids: [1000],
        exes: ["/srv/node"],
      },
      cause: {
        ...{ metric: "http_p95_response_time", uri, variant: "path pending>1500", threshold: 1500 },
        ...{ periodSeconds: 60, count: 5, reached: 17, slots, rule: 1, atUnixMs: BigInt(nowMs - 30_000) },
        note: "Of 2,900 requests 725 were looked at",
      },
      ...{ kinds: [ProfileKind.ON_CPU], state: TaskState.DONE, durationSeconds: 10, frequencyHz: 99 },
      ...{ startedAtUnixMs: BigInt(nowMs - 30_000), endedAtUnixMs: BigInt(nowMs - 20_000) },
    },
  };
}

async function startFull(uri: string): Promise<FedBackend> {
  const backend = await startFedBackend();
  const nowMs = Date.now();
  const process = {
    ...{ id: "p-0", pid: 1000, name: "node", exe: "/srv/node", service: "checkout", instance: "pod-0" },
    startedAtUnixMs: BigInt(nowMs - 3_600_000),
  };
  await backend.policies.applyPolicies({ source: policy });
  await backend.report(
    {
      case: "inventory",
      value: {
        full: true,
        changed: [process],
        uses: [{ processId: "p-0", cpuPercent: 42, threads: 11 }],
        atUnixMs: BigInt(nowMs),
      },
    },
    {
      case: "status",
      value: { setVersion: 1n, matches: [{ policy: "checkout-errors", processIds: ["p-0"] }] },
    },
    metrics(nowMs),
    traffic(nowMs),
    task(nowMs, uri),
  );
  return backend;
}

/** Takes a picture in light on a wide window and in dark on a narrow one; neither may be wider than the window. */
async function shoot(page: Page, name: string): Promise<void> {
  for (const [kind, width, colorScheme] of [["wide", 1440, "light"], ["narrow", 400, "dark"]] as const) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    await page.waitForTimeout(100);
    const overflow = await page.evaluate(
      "document.documentElement.scrollWidth - document.documentElement.clientWidth",
    );
    assert.equal(overflow, 0, `${name} at ${width}`);
    await page.screenshot({ path: `${screenshots}/${name}_${kind}.png`, fullPage: true });
  }
  await page.setViewportSize({ width: 1440, height: 900 });
}

Deno.test("HTTP of a process, what can't be read of it and hostile paths show as text on wide and narrow windows", async () => {
  await Deno.mkdir(screenshots, { recursive: true });
  const longUri = `/<img src=x onerror=alert(1)>/\u202e${"checkout-".repeat(48)}/end`;
  await using backend = await startFull(longUri);
  await using browser = await openPage();
  const { page, faults } = browser;
  page.on("dialog", () => assert.fail("A path became a script"));

  await backend.open(page, "/processes/p-0");
  await page.getByRole("heading", { name: "HTTP it serves" }).waitFor();
  await page.getByRole("heading", { name: "HTTP it sends" }).waitFor();
  await page.getByText("40 % of this process's connections (40 of 100) can't be read").waitFor();
  await page.getByText("10 speak HTTP/2").waitFor();
  const row = page.getByRole("row").filter({ hasText: "<script>alert(1)</script>" });
  assert.match(await row.innerText(), /\\u202e/);
  await page.getByRole("region", { name: "HTTP error rate on /api/pay*, only 5xx" }).waitFor();
  await page.getByText("oldest for 12.3 s").waitFor();
  await shoot(page, "process");

  await page.goto(`${backend.url}/tasks/${sampleTaskId}`);
  const bars = page.getByRole("img", { name: /Arrow keys/ });
  await bars.focus();
  await page.getByText(/3.86 s, 4 errors in 79 requests, 2 in flight too long, counted/).waitFor();
  await page.keyboard.press("ArrowLeft");
  await page.getByText(/3.82 s, 3 errors in 78 requests/).waitFor();
  await page.getByText("Requests and errors of each second").click();
  assert.equal(await page.locator(".cause-rows tbody tr").count(), 60);
  await page.getByText("Of 2,900 requests 725 were looked at").waitFor();
  await shoot(page, "task");

  for (
    const [name, path] of [["overview", "/"], ["policy", "/policies/checkout-errors"], [
      "tasks",
      "/tasks",
    ]] as const
  ) {
    await page.goto(`${backend.url}${path}`);
    await page.locator("main, body").getByText(/http_p95_response_time ≥ 1.5 s/).first().waitFor();
    await page.getByText("Live", { exact: true }).waitFor();
    await shoot(page, name);
  }
  assert.deepEqual(faults, []);
});

Deno.test("the editor offers paths that were seen, and writes every field of an HTTP rule", async () => {
  await Deno.mkdir(screenshots, { recursive: true });
  await using backend = await startFull("/api/pay");
  await using browser = await openPage();
  const { page, faults } = browser;
  await backend.open(page, "/processes/p-0");
  await page.getByRole("link", { name: "Write a rule on this path" }).first().click();
  const yaml = page.getByLabel("Policy as YAML");
  await page.getByLabel("is at least").waitFor();
  assert.match(
    await yaml.inputValue(),
    /metric: http_avg_response_time\n.*threshold: 500ms[^]*paths: \[ *\/api\/pay *\]/,
  );
  await page.getByRole("button", { name: "/health" }).click();
  assert.match(await yaml.inputValue(), /paths: \[ *\/api\/pay, \/health *\]/);
  await page.getByLabel("When").first().selectOption("http_error_rate");
  await page.getByLabel("Errors are").selectOption("5xx");
  await page.getByLabel("Requests", { exact: false }).and(page.locator(".rule-http select").first())
    .selectOption("prefixes");
  await page.getByRole("button", { name: "/api/", exact: true }).click();
  assert.match(await yaml.inputValue(), /threshold: 5%[^]*prefixes: \[.*\/api\/ *\][^]*errors: 5xx/);
  await page.getByLabel("is at least").fill("120");
  await page.getByText("Write at most 100%").first().waitFor();
  await page.getByLabel("is at least").fill("7");
  await page.getByLabel("When").first().selectOption("http_p99_response_time");
  await page.getByLabel("Requests still in flight too").check();
  await page.getByLabel("Encrypted requests too").check();
  await page.getByLabel("Side").selectOption("client");
  await page.getByRole("button", { name: "/v1/", exact: true }).waitFor();
  assert.match(
    await yaml.inputValue(),
    /threshold: 2s[^]*role: client[^]*include_pending: true[^]*tls: true/,
  );
  await shoot(page, "editor");
  await page.getByLabel("Requests", { exact: false }).and(page.locator(".rule-http select").first())
    .selectOption("regex");
  await page.getByLabel("Expression (RE2)").fill("^/api/(");
  await page.getByText(/missing closing/).first().waitFor();
  assert.deepEqual(faults, []);
});

Deno.test("a process without an HTTP rule says how to get HTTP, and one without requests what to wait for", async () => {
  await Deno.mkdir(screenshots, { recursive: true });
  await using backend = await startFedBackend();
  const changed = [{ id: "p-0", pid: 1000, name: "node", exe: "/srv/node", service: "checkout" }];
  await backend.report({ case: "inventory", value: { full: true, changed, atUnixMs: BigInt(Date.now()) } });
  await using browser = await openPage();
  const { page, faults } = browser;
  await backend.open(page, "/processes/p-0");
  await page.getByText("Its HTTP is not watched").waitFor();
  await shoot(page, "unwatched");
  await backend.policies.applyPolicies({ source: policy });
  await backend.report({
    case: "status",
    value: { setVersion: 1n, matches: [{ policy: "checkout-errors", processIds: ["p-0"] }] },
  });
  await page.getByText("No request seen yet").waitFor();
  await shoot(page, "silent");
  // The first record shows without a reload.
  await backend.report(traffic(Date.now()));
  await page.getByRole("heading", { name: "HTTP it serves" }).waitFor();
  await backend.policies.deletePolicy({ name: "checkout-errors" });
  await page.goto(`${backend.url}/new-policy?service=checkout&metric=http_error_rate`);
  await page.getByLabel("is at least").waitFor();
  assert.match(
    await page.getByLabel("Policy as YAML").inputValue(),
    /name: checkout-errors[^]*metric: http_error_rate/,
  );
  assert.deepEqual(faults, []);
});
