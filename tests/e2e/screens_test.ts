import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { sampleTask } from "../../src/backend/sample_records.ts";
import { TaskState } from "../../src/gen/stakeout/v1/task_pb.ts";
import { openPage } from "../support/browser.ts";
import { type FedBackend, type RecordBody, startFedBackend } from "../support/fed_backend.ts";
import { findFreePort } from "../support/free_port.ts";

const policy = `# by hand
apiVersion: stakeout/v1
kind: Policy
metadata: { name: hot }
target: { service: "checkout*" }
rules:
  - { metric: process_cpu, threshold: 80%, period: 10s, count: 5 }
start: [on_cpu]
`;
const longName = `<script>alert(1)</script>${"long-name-".repeat(28)}the-end`;

/** The whole inventory, or more of it from `first` on. */
function inventory(count: number, names: (index: number) => string, first = 0): RecordBody {
  const changed = Array.from({ length: count }, (_, at) => first + at).map((index) => ({
    id: `p-${index}`,
    pid: 1000 + index,
    name: names(index).slice(0, 300),
    exe: `/srv/${names(index)}`,
    service: index % 2 === 0 ? "checkout" : names(index),
    instance: names(index),
    labels: { [names(index)]: names(index) },
  }));
  const uses = changed.map(({ id }, index) => ({ processId: id, cpuPercent: index, threads: 1 + index }));
  return { case: "inventory", value: { full: first === 0, changed, uses, atUnixMs: BigInt(Date.now()) } };
}

async function texts(page: Page, selector: string): Promise<string[]> {
  return await page.locator(selector).allInnerTexts();
}

async function overflow(page: Page): Promise<unknown> {
  return await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
}

Deno.test("every screen says what to do next when there is nothing yet", async () => {
  await using backend = await startFedBackend();
  await using browser = await openPage();
  const { page, faults } = browser;
  await backend.open(page, "/");
  await page.getByText("Write your first policy").waitFor();
  for (
    const [path, text] of [
      ["/policies", "stakeout policy apply -f policy.yaml"],
      ["/processes", "No process is known yet"],
      ["/tasks", "No task yet"],
      ["/new-policy", "Which processes"],
      ["/nowhere", "There is no such page"],
    ] as const
  ) {
    await page.goto(`${backend.url}${path}`);
    await page.getByText(text).first().waitFor();
  }
  assert.deepEqual(faults, []);
});

Deno.test("lists show 5,000 hostile names as text, page by page, on wide and narrow windows", async () => {
  await using backend = await startFedBackend();
  for (let first = 0; first < 5000; first += 1000) {
    await backend.report(inventory(1000, (index) => `${index}-${longName}`, first));
  }
  await using browser = await openPage({ colorScheme: "dark" });
  const { page, faults } = browser;
  page.on("dialog", () => assert.fail("A name became a script"));
  await backend.open(page, "/processes");
  await page.getByText("1–100 of 5,000").waitFor();
  assert.equal((await texts(page, "tbody tr")).length, 100);
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByText("101–200 of 5,000").waitFor();
  await page.getByRole("searchbox").fill("4321-");
  await page.getByRole("row").filter({ hasText: "4321-<script>" }).waitFor();
  const name = page.getByRole("row").filter({ hasText: "4321-" }).locator("bdi").first();
  assert.equal((await name.getAttribute("title"))?.length, 300);
  assert.match(await name.innerText(), /^4321-<script>.*/s);
  for (const width of [1440, 900, 420]) {
    await page.setViewportSize({ width, height: 900 });
    for (const path of ["/processes", "/", "/processes/p-1"]) {
      await page.goto(`${backend.url}${path}`);
      await page.getByText("<script>").first().waitFor();
      assert.equal(await overflow(page), 0, `${path} at ${width}`);
    }
  }
  assert.deepEqual(faults, []);
});

Deno.test("the editor guards somebody else's save, and versions, pause and delete work", async () => {
  await using backend = await startFedBackend();
  await backend.report(inventory(4, (index) => `worker-${index}`));
  await backend.policies.applyPolicies({ source: policy });
  await using browser = await openPage();
  const { page } = browser;
  await backend.open(page, "/policies/hot/edit");
  await page.getByText("worker-0 1000").waitFor();
  await page.getByLabel("is at least").fill("60");
  await page.getByText("without its comments").waitFor();
  assert.match(await page.getByLabel("Policy as YAML").inputValue(), /threshold: 60%/);
  await page.getByLabel("in", { exact: true }).fill("50");
  await page.getByText("Write 10 or less, or a longer period", { exact: true }).waitFor();
  await page.getByLabel("in", { exact: true }).fill("4");
  await backend.policies.applyPolicies({ source: policy.replace("80%", "70%") });
  await page.getByRole("button", { name: "Save new version" }).click();
  await page.getByText("Somebody saved version 2 meanwhile").waitFor();
  await page.getByRole("button", { name: "Save mine over theirs" }).click();
  await page.getByRole("heading", { level: 1, name: "hot" }).waitFor();
  await page.getByText("process_cpu ≥ 60 % in 4 of 10 s").waitFor();

  await page.getByRole("button", { name: "View" }).last().click();
  await page.getByRole("button", { name: "Restore version 1" }).click();
  await page.getByText("process_cpu ≥ 80 % in 5 of 10 s").waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByRole("button", { name: "Resume" }).waitFor();
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Delete policy" }).click();
  await page.getByText("Write your first policy").waitFor();
});

Deno.test("lists and pages follow what agents report without a reload", async () => {
  await using backend = await startFedBackend();
  await backend.report(inventory(2, (index) => `worker-${index}`));
  await using browser = await openPage();
  const { page, faults } = browser;
  await backend.open(page, "/tasks");
  await page.getByText("No task yet").waitFor();
  const { body } = sampleTask(1);
  await backend.report(body as RecordBody);
  await page.getByRole("row").filter({ hasText: "Profiling" }).waitFor();
  await page.getByText("1 profiling").waitFor();
  await page.getByRole("row").filter({ hasText: "Profiling" }).getByRole("link").click();
  await page.getByRole("button", { name: "Stop profiling" }).waitFor();
  await backend.report(sampleTask(2, { state: TaskState.FAILED }).body as RecordBody);
  await page.getByText("No profile was taken").waitFor();
  await page.goto(`${backend.url}/processes/p-0`);
  await page.getByRole("heading", { level: 1, name: "worker-0" }).waitFor();
  await backend.report({
    case: "inventory",
    value: { goneProcessIds: ["p-0"], atUnixMs: BigInt(Date.now()) },
  });
  await page.getByText("This process ended").waitFor();
  assert.deepEqual(faults, []);
});

Deno.test("a page says when the backend is away, comes back by itself, and asks for a token that is no longer valid", async () => {
  const port = findFreePort();
  await using browser = await openPage();
  const { page } = browser;
  let backend: FedBackend = await startFedBackend({ port });
  await backend.open(page, "/");
  await page.getByText("Live", { exact: true }).waitFor();
  await backend[Symbol.asyncDispose]();
  await page.getByText("Connection to the backend lost").waitFor();
  backend = await startFedBackend({ port });
  await backend.report(inventory(2, (index) => `back-again-${index}`));
  await page.getByText("Live", { exact: true }).waitFor();
  await page.getByText("back-again-1").first().waitFor();
  await backend[Symbol.asyncDispose]();

  const token = "another-token-0123456789";
  backend = await startFedBackend({ port, token });
  await page.getByText("Your session has ended").waitFor();
  await page.getByLabel("Token").fill("not-the-token");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("This token is not known here").waitFor();
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { level: 1, name: /host|agent/ }).waitFor();
  await backend[Symbol.asyncDispose]();
});

Deno.test("a tab holds one stream, and none while it is hidden", async () => {
  await using backend = await startFedBackend();
  await using browser = await openPage();
  const { page } = browser;
  let open = 0;
  let most = 0;
  const isStream = (url: string) => url.endsWith("/WatchChanges");
  page.on("request", (request) => isStream(request.url()) && (most = Math.max(most, ++open)));
  page.on("requestfailed", (request) => isStream(request.url()) && open--);
  page.on("requestfinished", (request) => isStream(request.url()) && open--);
  await backend.open(page, "/");
  await page.getByText("Live", { exact: true }).waitFor();
  for (const screen of ["Policies", "Processes", "Tasks"]) {
    await page.getByRole("link", { name: screen, exact: true }).click();
    await page.getByRole("heading", { level: 1, name: screen }).waitFor();
  }
  assert.deepEqual([open, most], [1, 1]);
  await setHidden(page, true);
  await page.getByText("Asleep").waitFor();
  await page.waitForTimeout(200);
  assert.equal(open, 0);
  await setHidden(page, false);
  await page.getByText("Live", { exact: true }).waitFor();
  assert.equal(open, 1);
});

async function setHidden(page: Page, hidden: boolean): Promise<void> {
  await page.evaluate(`
    Object.defineProperty(document, "visibilityState", { value: "${
    hidden ? "hidden" : "visible"
  }", configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));`);
}
