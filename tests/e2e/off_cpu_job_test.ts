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
  "a policy that starts on-CPU and off-CPU shows in the browser what a process waits for; a task by hand is extended and stopped",
  async () => {
    await using folder = await makeTestFolder("off_cpu");
    await Deno.mkdir(screenshots, { recursive: true });
    const shop = `${folder.path}/shop`;
    await compileTarget("lock_fight", shop);
    const policy = `${folder.path}/policy.yaml`;
    const text = policyText("slow-shop", shop, { duration: "8s" });
    await Deno.writeTextFile(policy, text.replace("[on_cpu]", "[on_cpu, off_cpu]"));
    const state = ["--state", `${folder.path}/state`];
    await using up = startStakeout(["up", ...state, "--listen", "127.0.0.1:0", "--no-open"]);
    const ready = await up.waitForLine(/^ready: open http/);
    await using apply = startStakeout(["policy", "apply", "-f", policy, ...state]);
    assert.equal(await apply.ended(20), 0, apply.lines.join("\n"));
    await using target = await startTarget(shop);
    await using browser = await openPage();
    const { page, faults } = browser;
    page.setDefaultTimeout(20_000);
    await page.goto(ready.slice(ready.indexOf("http")));

    await page.getByRole("link", { name: "Tasks", exact: true }).first().click();
    await page.getByRole("row").filter({ hasText: "slow-shop" }).getByRole("link").first().click();
    await page.getByRole("button", { name: "Off-CPU" }).click();
    await page.getByText(/^done$/i).first().waitFor();
    const rows = page.locator("table.top-table tbody tr");
    await rows.filter({ hasText: "[lock (futex)]" }).waitFor();
    await page.getByText(/switches: .* of the threads' own will/).waitFor();
    await page.screenshot({ path: `${screenshots}/7_off_cpu.png`, fullPage: true });
    await page.getByRole("button", { name: /^sleep/ }).click();
    await rows.filter({ hasText: "[sleep]" }).waitFor();
    await rows.filter({ hasText: "[lock (futex)]" }).waitFor({ state: "detached" });
    await page.getByRole("button", { name: "All reasons" }).click();
    await page.getByRole("button", { name: "Run queue" }).click();
    await rows.filter({ hasText: "[CPU]" }).waitFor();
    await page.getByRole("button", { name: "Waits", exact: true }).click();
    await rows.filter({ hasText: "[sleep]" }).waitFor();

    await page.locator(".task-facts").getByRole("link", { name: new RegExp(`${target.pid}`) }).click();
    await page.getByRole("button", { name: "Profile now" }).click();
    await page.getByRole("checkbox", { name: /^Off-CPU/ }).check();
    await page.getByRole("checkbox", { name: /^On-CPU/ }).uncheck();
    await page.screenshot({ path: `${screenshots}/8_profile_now.png` });
    await page.getByRole("button", { name: "Start" }).click();
    await page.getByRole("heading", { level: 1, name: "Asked for by hand" }).waitFor();
    await page.getByText("of 30 s").waitFor();
    await page.getByRole("button", { name: "1 min" }).click();
    await page.getByText("of 1 min 30 s").waitFor();
    await rows.filter({ hasText: "[lock (futex)]" }).waitFor();
    await page.screenshot({ path: `${screenshots}/9_by_hand.png`, fullPage: true });
    await page.getByRole("button", { name: "Stop profiling" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Stop profiling" }).click();
    await page.getByText(/^stopped$/i).first().waitFor();

    assert.deepEqual(faults, []);
    up.kill("SIGINT");
    assert.equal(await up.ended(5), 0);
    assert.deepEqual(up.lines.filter((line) => /level=error|^\s+at /.test(line)), []);
  },
);
