import assert from "node:assert/strict";
import { repositoryRoot } from "../../scripts/command.ts";
import { openPage } from "../support/browser.ts";
import { policyText } from "../support/policy_text.ts";
import { startStakeout } from "../support/stakeout.ts";
import { compileTarget, startTarget } from "../support/target.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";

const screenshots = `${repositoryRoot}/test-results/e2e`;

testAsRoot(
  "a policy written in the browser profiles a process that crosses its threshold, and shows the hot function, when stakeout is up",
  async () => {
    await using folder = await makeTestFolder("e2e");
    await Deno.mkdir(screenshots, { recursive: true });
    const burn = `${folder.path}/burn`;
    await compileTarget("burn", burn);
    await using up = startStakeout([
      "up",
      "--state",
      `${folder.path}/state`,
      "--listen",
      "127.0.0.1:0",
      "--no-open",
    ]);
    const ready = await up.waitForLine(/^ready: open http/);
    await using browser = await openPage();
    const { page, faults } = browser;
    page.setDefaultTimeout(20_000);

    await page.goto(ready.slice(ready.indexOf("http")));
    await page.getByRole("heading", { level: 1 }).first().waitFor();
    assert.ok(!page.url().includes("token="), page.url());
    await page.getByText("Live", { exact: true }).waitFor();
    // Whatever reloads the page loses this.
    await page.evaluate("window.openedOnce = true");
    await page.screenshot({ path: `${screenshots}/1_overview.png` });

    await page.getByRole("link", { name: "Policies" }).first().click();
    await page.getByRole("link", { name: "New policy" }).first().click();
    const editor = page.getByLabel("Policy as YAML");
    await editor.fill(policyText("hot-loop", burn, { duration: "8s" }).replace("20%", "20"));
    await page.getByText(/20%/).first().waitFor();
    assert.ok(await page.getByRole("button", { name: "Save policy" }).isDisabled());
    await editor.fill(policyText("hot-loop", burn, { duration: "8s" }));
    await page.getByText("no problems").waitFor();
    await page.screenshot({ path: `${screenshots}/2_editor.png` });
    await page.getByRole("button", { name: "Save policy" }).click();
    await page.getByRole("heading", { level: 1, name: "hot-loop" }).waitFor();
    await page.screenshot({ path: `${screenshots}/3_policy.png` });

    await page.getByRole("link", { name: "Tasks", exact: true }).first().click();
    await page.getByText("No task yet").waitFor();
    await using target = await startTarget(burn, "1", "3");
    const row = page.getByRole("row").filter({ hasText: "hot-loop" });
    await row.waitFor();
    assert.match(await row.innerText(), new RegExp(`burn ${target.pid}`));
    await page.screenshot({ path: `${screenshots}/4_tasks.png` });

    await row.getByRole("link").first().click();
    await page.getByRole("heading", { level: 1, name: /CPU|process_cpu/i }).waitFor();
    // The task runs on; what it has grows, and it ends, before our eyes.
    const topRow = page.locator("table.top-table tbody tr").first();
    await topRow.waitFor();
    await page.getByText(/^done$/i).first().waitFor();
    assert.match(await topRow.innerText(), /^inner_a\b/);
    // The graph is painted: its frames have several colours.
    const graph = page.getByRole("application", { name: "Flame graph" });
    const colours = await graph.evaluate(countColours);
    assert.ok(colours > 10, `${colours} colours`);
    const share = Number(/(\d\d?\.\d) %/.exec(await topRow.innerText())![1]);
    assert.ok(share > 50 && share < 90, `inner_a has ${share} %`);
    await page.screenshot({ path: `${screenshots}/5_task.png`, fullPage: true });
    await page.emulateMedia({ colorScheme: "dark" });
    await page.screenshot({ path: `${screenshots}/6_task_dark.png`, fullPage: true });

    assert.equal(await page.evaluate("window.openedOnce"), true);
    assert.deepEqual(faults, []);
    up.kill("SIGINT");
    assert.equal(await up.ended(5), 0);
    assert.deepEqual(up.lines.filter((line) => /level=error|^\s+at /.test(line)), []);
  },
);

/** Runs in the browser. */
// deno-lint-ignore no-explicit-any
function countColours(canvas: any): number {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return new Set(new Uint32Array(data.buffer)).size;
}
