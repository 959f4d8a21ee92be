import assert from "node:assert/strict";
import { repositoryRoot } from "../../scripts/command.ts";
import { openPage } from "../support/browser.ts";
import { runAb } from "../support/http_clients.ts";
import { startNginx } from "../support/http_servers.ts";
import { startStakeout } from "../support/stakeout.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";

const screenshots = `${repositoryRoot}/test-results/e2e/http`;

testAsRoot(
  "a policy on errors made with the editor's form trips on nginx when it answers 503 and not before, and its cause counts what ab counts",
  async () => {
    await using folder = await makeTestFolder("e2e-http");
    await Deno.chmod(folder.path, 0o777);
    await Deno.mkdir(screenshots, { recursive: true });
    const program = `${folder.path}/shop`;
    await Deno.copyFile("/usr/sbin/nginx", program);
    await using nginx = await startNginx(folder.path, 1, { program });
    const url = `http://127.0.0.1:${nginx.port}`;
    const listen = ["--listen", "127.0.0.1:0", "--no-open"];
    await using up = startStakeout(["up", "--state", `${folder.path}/state`, ...listen]);
    const ready = await up.waitForLine(/^ready: open http/);
    await using browser = await openPage();
    const { page, faults } = browser;
    page.setDefaultTimeout(20_000);
    await page.goto(ready.slice(ready.indexOf("http")));
    const origin = new URL(page.url()).origin;

    await page.goto(`${origin}/new-policy?exe=${encodeURIComponent(program)}&metric=http_error_rate`);
    await page.getByLabel("Name").fill("shop-errors");
    await page.getByLabel("is at least").fill("20");
    await page.getByLabel("in", { exact: true }).fill("2");
    await page.getByLabel("Errors are").selectOption("5xx");
    await page.getByLabel("For", { exact: true }).fill("3s");
    await page.getByText("shop").first().waitFor();
    await page.getByRole("button", { name: "Save policy" }).click();
    await page.getByRole("heading", { level: 1, name: "shop-errors" }).waitFor();
    await page.getByText(/up to date, 2 matched/).waitFor();

    // Requests that succeed, and clients' faults, are no errors of this rule.
    let requests = 0;
    for (let second = 0; second < 4; second++) {
      requests += (await runAb(["-n", "43", "-c", "2", `${url}/api/pay`])).complete;
      requests += (await runAb(["-n", "23", "-c", "2", `${url}/status/404`])).complete;
      await page.waitForTimeout(700);
    }
    await page.getByText(/\d %\s+of 20 %/).first().waitFor();
    assert.equal(await page.getByText("Never tripped").count(), 1);

    let failed = 0;
    for (let second = 0; second < 6; second++) {
      failed += (await runAb(["-n", "37", "-c", "2", `${url}/status/503`])).non2xx;
      requests += (await runAb(["-n", "41", "-c", "2", `${url}/api/pay`])).complete;
      await page.waitForTimeout(600);
    }
    const row = page.getByRole("row").filter({ hasText: "http_error_rate" });
    await row.getByText("only 5xx").waitFor();
    await row.getByRole("link").first().click();
    await page.getByRole("heading", { level: 1, name: /http_error_rate ≥ 20 % in 2 of 10 s, only 5xx/ })
      .waitFor();
    const made = await page.locator(".cause-facts dd").filter({ hasText: "errors in" }).innerText();
    const [, errors, all] = /^([\d,]+) errors in ([\d,]+) requests/.exec(made)!.map((text) =>
      Number(text.replace(",", ""))
    );
    assert.ok(errors! >= 37 && errors! <= failed && errors! < all! && all! <= requests + failed, made);
    await page.getByText("Requests and errors of each second").click();
    const rows = await page.locator(".cause-rows tbody tr").allInnerTexts();
    assert.equal(rows.length, 10);
    assert.ok(rows.filter((text) => text.includes("yes")).length >= 2, rows.join("\n"));
    await page.screenshot({ path: `${screenshots}/job_task.png`, fullPage: true });

    await page.getByRole("link", { name: /shop/ }).first().click();
    await page.getByRole("heading", { name: "HTTP it serves" }).waitFor();
    const path = page.getByRole("row").filter({ hasText: "/status/503" });
    await path.getByText("100 %").waitFor();
    // What was sent is what the table counts; a record comes every 10 s.
    await page.getByTitle(`${failed} requests`).waitFor();
    await page.getByRole("region", { name: "HTTP response time, p99" }).waitFor();
    await page.screenshot({ path: `${screenshots}/job_process.png`, fullPage: true });

    await path.getByRole("link").click();
    await page.getByRole("button", { name: "/api/pay" }).waitFor();
    assert.match(await page.getByLabel("Policy as YAML").inputValue(), /paths: \[ *\/status\/503 *\]/);
    assert.deepEqual(faults, []);
    up.kill("SIGINT");
    assert.equal(await up.ended(5), 0);
    assert.deepEqual(up.lines.filter((line) => /level=error|^\s+at /.test(line)), []);
  },
);
