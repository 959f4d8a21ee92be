import assert from "node:assert/strict";
import { silentLogger } from "../../lib/log.ts";
import { bootNs } from "../../lib/sys/kernel_clock.ts";
import { repositoryRoot } from "../../scripts/command.ts";
import { HttpMonitor } from "../../src/agent/http/http_monitor.ts";
import { HttpPrograms } from "../../src/agent/http/http_programs.ts";
import { takeHttpTraffic } from "../../src/agent/http/http_traffic.ts";
import { Window } from "../../src/agent/window.ts";
import type { SeriesWindow } from "../../src/agent/window_set.ts";
import { type Rule, ruleDefaults, ruleUris } from "../../src/model/policy.ts";
import { listHeldObjects } from "../support/bpf_objects.ts";
import { runCurl } from "../support/http_clients.ts";
import { makeCertificate } from "../support/certificate.ts";
import { buildGo, startGo, startNginx, startPython } from "../support/http_servers.ts";
import { makeLive } from "../support/live_process.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { waitFor } from "../support/wait.ts";
import { libbpf, sleep } from "./harness.ts";
import { withoutLeaks } from "./leak_check.ts";

function openMonitor(): HttpMonitor {
  const program = Deno.readFileSync(`${repositoryRoot}/build/bpf/http.bpf.o`);
  return new HttpMonitor({ open: () => HttpPrograms.open(libbpf, program), logger: silentLogger });
}

function windowsOf(metric: Rule["metric"], more: Partial<Rule> = {}): SeriesWindow[] {
  const rule: Rule = { ...ruleDefaults, metric, threshold: 1, periodSeconds: 10, count: 1, ...more };
  return ruleUris(rule).map((uri) => ({ rule, uri, window: new Window(10, true) }));
}

function linksHeld(): number {
  return listHeldObjects(Deno.pid).links.length;
}

Deno.test("HttpMonitor reads the TLS of a process whose policy allows it, also in flight, and detaches when none does", () =>
  withoutLeaks(libbpf, async () => {
    await using folder = await makeTestFolder("tls");
    const certificate = await makeCertificate(folder.path);
    await using server = await startPython("thread", "tcp4", "", { certificate });
    const url = `https://127.0.0.1:${server.port}`;
    await runCurl("-k", `${url}/`);
    const live = makeLive(server.pid);
    const rate = windowsOf("http_error_rate");
    const hung = windowsOf("http_p95_response_time", {
      ...{ threshold: 100, includePending: true, uri: { prefixes: ["/hang"] } },
    });
    const monitor = openMonitor();
    monitor.follow(live, [...rate, ...hung], true);
    assert.ok(
      await waitFor(() => monitor.tlsReason(live.process.id) === "" && monitor.places ? true : undefined, 10),
    );
    const hanging = new Deno.Command("curl", { args: ["-sk", `${url}/hang`], stdout: "null" }).spawn();
    await runCurl("-k", `${url}/`, ...Array.from({ length: 22 }, () => `${url}/status/500`));
    await sleep(300);
    monitor.read({ second: 100, coveredSeconds: 1, atBootNs: bootNs() });
    assert.deepEqual(rate[0]!.window.slots(100, 1)[0]!.counts, { requests: 23, errors: 22, pending: 0 });
    assert.deepEqual(hung[0]!.window.slots(100, 1)[0]!.counts, { requests: 0, errors: 0, pending: 1 });
    const [process] =
      takeHttpTraffic(monitor, { startUnixMs: 0, seconds: 1, atBootNs: bootNs() })[0]!.processes;
    const { connections, tlsReason, inFlight } = process!;
    assert.deepEqual([connections?.http, connections?.tlsRead, connections?.tls], [2n, 2n, 0n]);
    assert.deepEqual([tlsReason, inFlight], ["", 1]);
    hanging.kill();
    await hanging.status;

    const attached = linksHeld();
    monitor.follow(live, [...rate, ...hung], false);
    assert.ok(
      await waitFor(() => linksHeld() === attached - 2 ? true : undefined, 10),
      `${linksHeld()} of ${attached}`,
    );
    await runCurl("-k", `${url}/status/500`);
    monitor.read({ second: 101, coveredSeconds: 1, atBootNs: bootNs() });
    assert.equal(rate[0]!.window.slots(101, 1)[0]!.state, "empty");
    const [later] =
      takeHttpTraffic(monitor, { startUnixMs: 0, seconds: 1, atBootNs: bootNs() })[0]!.processes;
    assert.deepEqual([later!.connections?.tls, later!.tlsReason], [
      1n,
      "no policy with tls: true matches it",
    ]);
    monitor.leave(live.process.id);
    await monitor.close();
  }));

Deno.test("HttpMonitor says why the TLS of Go is not read, and finds a library that is loaded later", () =>
  withoutLeaks(libbpf, async () => {
    await using folder = await makeTestFolder("tls-go");
    await Deno.chmod(folder.path, 0o777);
    const certificate = await makeCertificate(folder.path);
    await using go = await startGo(await buildGo(folder.path), certificate);
    await using python = await startPython("thread", "tcp4", "", { certificate });
    await using nginx = await startNginx(folder.path, 1, { certificate });
    const monitor = openMonitor();
    for (const { pid } of [go, python, nginx]) {
      monitor.follow(makeLive(pid), windowsOf("http_error_rate"), true);
    }
    assert.ok(
      await waitFor(
        () => monitor.tlsReason(`boot-${nginx.pid}`) === "" && monitor.places ? true : undefined,
        10,
      ),
    );
    assert.match(
      monitor.tlsReason(`boot-${go.pid}`),
      /^it uses Go's crypto\/tls; OpenSSL 1\.1\.1 and 3 are read$/,
    );
    await runCurl("-k", "--http1.1", ...Array.from({ length: 3 }, () => `https://127.0.0.1:${go.port}/`));
    const { processes } = takeHttpTraffic(monitor, { startUnixMs: 0, seconds: 1, atBootNs: bootNs() })[0]!;
    const [process] = processes.filter(({ processId }) => processId === `boot-${go.pid}`);
    assert.deepEqual([process!.requests, process!.connections?.tls], [0n, 1n]);
    assert.match(process!.tlsReason, /Go/);
    // It loads its library now; the monitor sees it at its next look.
    assert.match(monitor.tlsReason(`boot-${python.pid}`), /none of its files/);
    await runCurl("-k", `https://127.0.0.1:${python.port}/`);
    monitor.read({ second: 1, coveredSeconds: 1, atBootNs: bootNs() });
    assert.ok(await waitFor(() => monitor.tlsReason(`boot-${python.pid}`) === "" ? true : undefined, 10));
    await monitor.close();
  }));

Deno.test("a TLS connection that was there before a pause of the watch is counted again after it as one that is read", () =>
  withoutLeaks(libbpf, async () => {
    await using folder = await makeTestFolder("tls");
    const certificate = await makeCertificate(folder.path);
    await using server = await startPython("thread", "tcp4", "", { certificate });
    const url = `https://127.0.0.1:${server.port}`;
    await runCurl("-k", `${url}/`);
    const live = makeLive(server.pid);
    const monitor = openMonitor();
    const follow = async () => {
      monitor.follow(live, windowsOf("http_error_rate"), true);
      const isRead = () => monitor.tlsReason(live.process.id) === "" && monitor.places ? true : undefined;
      assert.ok(await waitFor(isRead, 10));
    };
    const connections = () => {
      const [traffic] = takeHttpTraffic(monitor, { startUnixMs: 0, seconds: 1, atBootNs: bootNs() });
      const { http = 0n, tls = 0n, tlsRead = 0n } = traffic?.processes[0]?.connections ?? {};
      return [http, tls, tlsRead];
    };
    // Another one keeps the programs loaded.
    monitor.follow(makeLive(Deno.pid), windowsOf("http_error_rate"));
    await follow();
    const curl = runCurl("-k", "--http1.1", `${url}/`, `${url}/delay/2500`, `${url}/`);
    assert.ok(await waitFor(() => connections()[0] === 1n ? true : undefined, 2));
    monitor.leave(live.process.id);
    await follow();
    await curl;
    assert.deepEqual(connections(), [1n, 0n, 1n]);
    monitor.leave(live.process.id);
    monitor.leave(`boot-${Deno.pid}`);
    await monitor.close();
  }));
