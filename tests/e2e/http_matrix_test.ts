import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { repositoryRoot } from "../../scripts/command.ts";
import { type MetricName, metrics } from "../../src/model/metric.ts";
import { listHeldObjects } from "../support/bpf_objects.ts";
import { openPage } from "../support/browser.ts";
import { makeCertificate } from "../support/certificate.ts";
import { type HttpServer, startNginx } from "../support/http_servers.ts";
import { runStakeout, startStakeout } from "../support/stakeout.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { waitFor } from "../support/wait.ts";

const screenshots = `${repositoryRoot}/test-results/e2e/http`;
const slowClients = 6;
const transports = ["plain", "tls"] as const;
const kinds = ["all", "paths", "prefixes", "regex"] as const;
const httpMetrics = Object.values(metrics).filter(({ http }) => http).map(({ name }) => name);

type Kind = typeof kinds[number];

/** A policy that has to trip, and one with the same metric and kind of URI that must not. */
interface Pair {
  readonly name: string;
  readonly transport: typeof transports[number];
  readonly metric: MetricName;
  readonly kind: Kind;
  readonly trips: string;
  readonly stays: string;
}

/** Every metric with every kind of URI; each of both has plain and TLS in turn. */
const pairs: readonly Pair[] = httpMetrics.flatMap((metric, row) =>
  kinds.map((kind, column) => ({
    name: `${metric.replaceAll("_", "-")}-${kind}`,
    transport: transports[(row + column) % 2]!,
    ...{ metric, kind },
    ...rulesOf(metric, kind),
  }))
);

/** The load is two thirds /slow, and a ninth each /ok, /status/404 and /status/503. */
function rulesOf(metric: MetricName, kind: Kind): { trips: string; stays: string } {
  const uri = (paths: string, prefixes: string, regex: string) =>
    ({
      all: "",
      paths: `paths: [${paths}]`,
      prefixes: `prefixes: [${prefixes}]`,
      regex: `regex: "${regex}"`,
    })[
      kind
    ];
  const rule = (threshold: string, uri: string, more = "") =>
    `metric: ${metric}, threshold: ${threshold}${uri && `, uri: { ${uri} }`}${more}`;
  switch (metrics[metric].unit) {
    case "count":
      return {
        trips: rule("2", uri("/ok", "/status/", "^/status/[45]")),
        stays: rule("1", uri("/never", "/never", "^/never"), kind === "all" ? ", role: client" : ""),
      };
    case "percent":
      return {
        trips: rule(kind === "all" ? "5%" : "90%", uri("/status/503", "/status/", "^/status/[45]")),
        stays: kind === "all" ? rule("60%", "") : rule("1%", uri("/ok", "/slow", "^/(ok|slow)")),
      };
    case "milliseconds":
      return {
        trips: rule("100ms", uri("/slow", "/slo", "^/sl.w$")),
        stays: kind === "all" ? rule("3s", "") : rule("100ms", uri("/ok", "/status/", "^/(ok|status/503)$")),
      };
  }
}

function policyOf({ name, transport }: Pair, program: string, rule: string, end: string): string {
  return `apiVersion: stakeout/v1
kind: Policy
metadata: { name: ${name}-${end} }
target: { exe: "${program}" }
rules: [{ ${rule}, period: 10s, count: 3 }]
start: [on_cpu]
duration: 5s
tls: ${transport === "tls"}
`;
}

/** Requests until the scope ends: some that are slow, one after the other on each connection, and a few of each other kind. */
function startLoad(url: string): Disposable {
  const start = (...args: string[]) =>
    new Deno.Command("curl", {
      args: ["-sk", "--http1.1", ...args],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  const paths = Array.from({ length: 1000 }, () => ["/ok", "/status/404", "/status/503"]).flat();
  const children = [
    ...Array.from({ length: slowClients }, () => start(`${url}/slow?[1-10000]`)),
    start("--rate", "12/s", ...paths.map((path) => url + path)),
  ];
  return {
    [Symbol.dispose]() {
      for (const child of children) child.kill("SIGKILL");
    },
  };
}

/** Waits until the policy's page shows a trip, as a task or as a refusal, and returns what it says of it. */
async function readTrip(page: Page): Promise<{ words: string; started: boolean }> {
  const rows = page.getByRole("row").filter({ hasText: /≥ .* in 3 of 10 s.*: reached \d+/s });
  await rows.first().waitFor();
  const words = (await rows.allInnerTexts()).join("\n").replaceAll(/\s+/g, " ");
  const refused = await page.getByRole("heading", { name: "Tripped, but not profiled" }).count();
  return { words, started: refused === 0 };
}

testAsRoot(
  "each HTTP metric with each kind of URI trips on nginx under load, plain and encrypted, and its twin does not; the programs are in the kernel meanwhile",
  async () => {
    await using folder = await makeTestFolder("e2e-matrix");
    await Deno.mkdir(screenshots, { recursive: true });
    const certificate = await makeCertificate(folder.path);
    const programs = transports.map((transport) => `${folder.path}/${transport}/shop-${transport}`);
    await using servers = new AsyncDisposableStack();
    const nginx: HttpServer[] = [];
    for (const [index, transport] of transports.entries()) {
      await Deno.mkdir(`${folder.path}/${transport}`);
      await Deno.chmod(`${folder.path}/${transport}`, 0o777);
      await Deno.copyFile("/usr/sbin/nginx", programs[index]!);
      const options = { program: programs[index]!, ...(transport === "tls" ? { certificate } : {}) };
      nginx.push(servers.use(await startNginx(`${folder.path}/${transport}`, 1, options)));
    }
    const program = ({ transport }: Pair) => programs[transports.indexOf(transport)]!;
    const [trips, stays] = (["trips", "stays"] as const).map((end) =>
      pairs.map((pair) => policyOf(pair, program(pair), pair[end], end)).join("---\n")
    );
    await Deno.writeTextFile(`${folder.path}/policies.yaml`, `${trips}---\n${stays}`);

    const state = `${folder.path}/state`;
    await using up = startStakeout(["up", "--state", state, "--listen", "127.0.0.1:0", "--no-open"]);
    const ready = await up.waitForLine(/^ready: open http/);
    const before = listHeldObjects(up.pid);
    const env = { STAKEOUT_STATE: state };
    const applied = await runStakeout(["policy", "apply", "-f", `${folder.path}/policies.yaml`], { env });
    assert.equal(applied.code, 0, applied.errors.join("\n"));
    await up.waitForLine(/msg="HTTP is watched"/);
    await up.waitForLine(/msg="TLS is read"/);
    const loaded = listHeldObjects(up.pid);
    // Nothing is profiled yet: a profile leaves tables in the kernel for the next one.
    const added = (["programs", "links", "maps"] as const).map((kind) =>
      [kind, loaded[kind].filter((id) => !before[kind].includes(id))] as const
    );
    for (const [kind, ids] of added) assert.ok(ids.length >= 5, `${ids.length} ${kind}`);
    using _plain = startLoad(`http://127.0.0.1:${nginx[0]!.port}`);
    using _tls = startLoad(`https://127.0.0.1:${nginx[1]!.port}`);

    await using browser = await openPage();
    const { page, faults } = browser;
    page.setDefaultTimeout(20_000);
    await page.goto(ready.slice(ready.indexOf("http")));
    const origin = new URL(page.url()).origin;
    await page.getByText("Live", { exact: true }).waitFor();
    let tasks = 0;
    for (const { name, metric, kind } of pairs) {
      await page.goto(`${origin}/policies/${name}-trips`);
      const { words, started } = await readTrip(page);
      assert.match(words, new RegExp(`${metric} ≥ .* in 3 of 10 s: reached [3-9]${shownUris[kind].source}`));
      if (started) tasks++;
      else assert.match(words, /Silence|Two at once|Own budget/);
      if (kind === "paths") await shoot(page, metric);
    }
    assert.ok(tasks >= 1, `${tasks} tasks`);
    for (const { name, metric } of pairs) {
      await page.goto(`${origin}/policies/${name}-stays`);
      await page.getByText(/up to date, 2 matched/).waitFor();
      // It is judged: a value stands against its threshold, unless it is of requests that never come.
      if (metrics[metric].unit !== "count") {
        await page.getByText(/of (1 %|60 %|100 ms|3 s)$/).first().waitFor();
      }
      assert.equal(await page.getByText("Never tripped").count(), 1, name);
      assert.equal(await page.getByText("Tripped, but not profiled").count(), 0, name);
    }
    await shoot(page, "stays");

    await page.goto(`${origin}/tasks`);
    await page.getByRole("row").filter({ hasText: "http_" }).first().waitFor();
    await page.getByRole("row").filter({ hasText: "http_" }).getByRole("link").first().click();
    await page.getByText("The window that tripped").waitFor();
    await page.getByText(/^done$/i).first().waitFor();
    await shoot(page, "task");
    await page.goto(`${origin}/policies/${pairs.find(({ transport }) => transport === "tls")!.name}-trips`);
    // The worker; the master has no requests.
    await page.getByRole("row").filter({ hasText: /shop-tls.* of /s }).getByRole("link").first().click();
    await page.getByText(/\d of them encrypted/).waitFor();
    for (const path of ["/slow", "/ok", "/status/503"]) {
      await page.getByRole("row").filter({ hasText: path }).first().waitFor();
    }
    await shoot(page, "process");

    const names = pairs.flatMap(({ name }) => [`${name}-trips`, `${name}-stays`]);
    const last = names.pop()!;
    const deleted = await runStakeout(["policy", "delete", ...names], { env });
    assert.equal(deleted.code, 0, deleted.errors.join("\n"));
    assert.notEqual(countHeld(up.pid, added), 0);
    await page.goto(`${origin}/policies/${last}`);
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByRole("button", { name: "Delete policy" }).click();
    await page.getByText("Write your first policy").waitFor();
    await waitFor(() => countHeld(up.pid, added) === 0 ? true : undefined, 15);
    assert.equal(countHeld(up.pid, added), 0);
    assert.deepEqual(faults, []);
    up.kill("SIGINT");
    assert.equal(await up.ended(5), 0);
    assert.deepEqual(up.lines.filter((line) => /level=error|^\s+at /.test(line)), []);
  },
);

/** How many of these kernel objects a process and its children hold still. */
function countHeld(
  pid: number,
  wanted: readonly (readonly ["programs" | "links" | "maps", number[]])[],
): number {
  const held = listHeldObjects(pid);
  return wanted.reduce((sum, [kind, ids]) => sum + ids.filter((id) => held[kind].includes(id)).length, 0);
}

/** How a kind of URI is told after a cause. */
const shownUris: Readonly<Record<Kind, RegExp>> = {
  all: / (?!on )/,
  paths: / on \/\S+ /,
  prefixes: / on \/\S+\* /,
  regex: / on \/\^\S+\/ /,
};

async function shoot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: `${screenshots}/matrix_${name}.png`, fullPage: true });
}
