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
import { getRequest, RawConnection } from "../support/http_clients.ts";
import { startPython } from "../support/http_servers.ts";
import { makeLive } from "../support/live_process.ts";
import { waitFor } from "../support/wait.ts";
import { libbpf, sleep } from "./harness.ts";
import { listKernelObjects, withoutLeaks } from "./leak_check.ts";

function openPrograms(): Promise<HttpPrograms> {
  return HttpPrograms.open(libbpf, Deno.readFileSync(`${repositoryRoot}/build/bpf/http.bpf.o`));
}

/** The windows of one rule, as the pipeline makes them. */
function windowsOf(metric: Rule["metric"], more: Partial<Rule> = {}): SeriesWindow[] {
  const rule: Rule = { ...ruleDefaults, metric, threshold: 1, periodSeconds: 10, count: 1, ...more };
  return ruleUris(rule).map((uri) => ({ rule, uri, window: new Window(10, true) }));
}

Deno.test("HttpMonitor fills the windows of every kind of rule with what the client sent, and tells paths and connections", () =>
  withoutLeaks(libbpf, async () => {
    await using server = await startPython("thread");
    const monitor = new HttpMonitor({ open: openPrograms, logger: silentLogger });
    const rate = windowsOf("http_error_rate");
    const paths = windowsOf("http_request_rate", { uri: { paths: ["/status/404", "/other"] } });
    const prefix = windowsOf("http_avg_response_time", { uri: { prefixes: ["/delay"] } });
    const regex = windowsOf("http_error_rate", { errors: "5xx", uri: { regex: "^/status/\\d+$" } });
    const hung = windowsOf("http_p95_response_time", {
      ...{ threshold: 100, includePending: true, uri: { prefixes: ["/hang"] } },
    });
    const long = windowsOf("http_request_rate", { uri: { paths: [`/${"x".repeat(119)}`] } });
    const all = [rate, paths, prefix, regex, hung, long].flat();
    monitor.follow(makeLive(server.pid), all);
    assert.ok(await waitFor(() => monitor.places === undefined ? undefined : true, 10));
    monitor.read({ second: 99, coveredSeconds: 1, atBootNs: bootNs() });

    using client = await RawConnection.open(server.port);
    using other = await RawConnection.open(server.port);
    await other.send(getRequest("/hang"));
    for (let time = 0; time < 11; time++) await client.get("/status/404?x=1");
    for (let time = 0; time < 7; time++) await client.get("/status/503");
    for (let time = 0; time < 5; time++) await client.get("/delay/40");
    await sleep(50);
    monitor.read({ second: 100, coveredSeconds: 1, atBootNs: bootNs() });
    const slot = ([series]: SeriesWindow[]) => series!.window.slots(100, 1)[0]!;
    assert.deepEqual(slot(rate), {
      ...{
        state: "value",
        value: Math.fround(18 / 23 * 100),
        counts: { requests: 23, errors: 18, pending: 0 },
      },
    });
    assert.deepEqual([slot(paths).value, slot([paths[1]!]).state], [11, "empty"]);
    assert.ok(slot(prefix).value > 40 && slot(prefix).value < 2000, `${slot(prefix).value}`);
    assert.equal(slot(prefix).counts?.requests, 5);
    assert.deepEqual(slot(regex).counts, { requests: 18, errors: 7, pending: 0 });
    assert.deepEqual(slot(hung).counts, { requests: 0, errors: 0, pending: 1 });
    assert.ok(slot(hung).value > 200, `${slot(hung).value}`);
    assert.match(monitor.fault(`boot-${server.pid}`, long[0]!.window)!, /120 bytes, and 119 are compared/);
    assert.match(
      monitor.describe(`boot-${server.pid}`, regex[0]!.rule, 100),
      /matched with 23 of 23 requests \(100 %\).* 0 samples were lost/,
    );
    assert.match(
      monitor.pendingFault(`boot-${server.pid}`, { ...regex[0]!.rule, includePending: true })!,
      /not known before a request ends; use paths or prefixes/,
    );
    // No traffic is an empty slot.
    monitor.read({ second: 101, coveredSeconds: 1, atBootNs: bootNs() });
    assert.equal(rate[0]!.window.slots(101, 1)[0]!.state, "empty");

    const [traffic] = takeHttpTraffic(monitor, { startUnixMs: 0, seconds: 10, atBootNs: bootNs() });
    const [process] = traffic!.processes;
    assert.deepEqual([process!.requests, process!.errors4xx, process!.errors5xx, process!.sampled], [
      23n,
      11n,
      7n,
      23n,
    ]);
    assert.deepEqual(process!.paths.map(({ path, requests }) => [path, requests]), [
      ...[["/status/404", 11n], ["/status/503", 7n], ["/delay/40", 5n]],
    ]);
    assert.deepEqual([process!.inFlight, process!.connections?.http], [1, 2n]);

    monitor.leave(`boot-${server.pid}`);
    await monitor.close();
  }));

Deno.test("HttpMonitor has its programs in the kernel only while a process is followed", () =>
  withoutLeaks(libbpf, async () => {
    await using server = await startPython("thread");
    const before = listKernelObjects(libbpf);
    const monitor = new HttpMonitor({ open: openPrograms, logger: silentLogger });
    const live = makeLive(server.pid);
    const loaded = () => monitor.places === undefined ? undefined : true;
    for (let round = 0; round < 2; round++) {
      monitor.follow(live, windowsOf("http_error_rate"));
      assert.ok(await waitFor(loaded, 10));
      monitor.leave(live.process.id);
      const gone = () => listKernelObjects(libbpf).fds === before.fds ? true : undefined;
      // The second time it is followed again at once, while the programs are being unloaded.
      if (round === 0) assert.ok(await waitFor(gone, 10));
    }
    monitor.follow(live, windowsOf("http_error_rate"));
    assert.ok(await waitFor(loaded, 10));
    await monitor.close();
    assert.equal(listKernelObjects(libbpf).fds, before.fds);
  }));

Deno.test("HttpMonitor says of every window why it is not filled when the programs cannot be loaded", async () => {
  const open = () => Promise.reject(new Error("Cannot load http: operation not permitted"));
  const monitor = new HttpMonitor({ open, logger: silentLogger });
  const [series] = windowsOf("http_error_rate");
  monitor.follow(makeLive(1), [series!]);
  await sleep(10);
  assert.match(
    monitor.fault("boot-1", series!.window)!,
    /HTTP cannot be watched on this host: Cannot load http/,
  );
  await monitor.close();
});

Deno.test("a forked child counts as its parent until it has a place of its own or executes another program", () =>
  withoutLeaks(libbpf, async () => {
    await using server = await startPython("fork");
    const monitor = new HttpMonitor({ open: openPrograms, logger: silentLogger });
    const parent = windowsOf("http_request_rate");
    monitor.follow(makeLive(server.pid), parent);
    assert.ok(await waitFor(() => monitor.places === undefined ? undefined : true, 10));
    using client = await RawConnection.open(server.port);
    for (let time = 0; time < 3; time++) await client.get("/");
    const child = server.pids()[1]!;
    const own = windowsOf("http_request_rate");
    monitor.follow(makeLive(child), own);
    for (let time = 0; time < 5; time++) await client.get("/");
    monitor.read({ second: 1, coveredSeconds: 1, atBootNs: bootNs() });
    assert.deepEqual([parent[0]!.window.slots(1, 1)[0]!.value, own[0]!.window.slots(1, 1)[0]!.value], [3, 5]);
    // The next one is counted as its parent again, and a reused place begins at nothing.
    monitor.leave(`boot-${child}`);
    using next = await RawConnection.open(server.port);
    for (let time = 0; time < 7; time++) await next.get("/");
    monitor.read({ second: 2, coveredSeconds: 1, atBootNs: bootNs() });
    assert.equal(parent[0]!.window.slots(2, 1)[0]!.value, 7);
    monitor.leave(`boot-${server.pid}`);
    await monitor.close();
  }));

Deno.test("a request that another process's end or a pause of the watch falls into is counted right or not at all", () =>
  withoutLeaks(libbpf, async () => {
    await using server = await startPython("thread");
    await using other = await startPython("thread");
    const monitor = new HttpMonitor({ open: openPrograms, logger: silentLogger });
    const [paths, others] = [windowsOf, windowsOf].map((make) =>
      make("http_avg_response_time", { uri: { prefixes: ["/delay"] } })
    ) as [SeriesWindow[], SeriesWindow[]];
    const all = windowsOf("http_avg_response_time");
    monitor.follow(makeLive(server.pid), [...paths, ...all]);
    monitor.follow(makeLive(other.pid), others);
    assert.ok(await waitFor(() => monitor.places === undefined ? undefined : true, 10));
    const read = (second: number) => {
      monitor.read({ second, coveredSeconds: 1, atBootNs: bootNs() });
      return [paths, all].map(([series]) => series!.window.slots(second, 1)[0]!);
    };
    read(1);
    using client = await RawConnection.open(server.port);
    await client.send(getRequest("/delay/200"));
    await sleep(50);
    monitor.leave(`boot-${other.pid}`);
    await client.receive();
    assert.deepEqual(read(2).map(({ counts }) => counts?.requests), [1, 1]);

    // The request is read while nobody watches: its response must not be timed from the one before.
    monitor.follow(makeLive(other.pid), others);
    monitor.leave(`boot-${server.pid}`);
    await sleep(500);
    await client.send(getRequest("/delay/200"));
    await sleep(50);
    monitor.follow(makeLive(server.pid), [...paths, ...all]);
    await client.receive();
    assert.deepEqual(read(3).map(({ state }) => state), ["empty", "empty"]);
    await client.get("/delay/20");
    for (const { value, counts } of read(4)) {
      assert.equal(counts?.requests, 1);
      assert.ok(value >= 20 && value < 400, `${value}`);
    }
    for (const { pid } of [server, other]) monitor.leave(`boot-${pid}`);
    await monitor.close();
  }));

Deno.test("a connection that was there before a pause of the watch is counted again after it, once", () =>
  withoutLeaks(libbpf, async () => {
    await using server = await startPython("thread");
    const monitor = new HttpMonitor({ open: openPrograms, logger: silentLogger });
    const [series] = windowsOf("http_request_rate");
    const id = `boot-${server.pid}`;
    const connections = () =>
      takeHttpTraffic(monitor, { startUnixMs: 0, seconds: 1, atBootNs: bootNs() })[0]?.processes[0]
        ?.connections;
    // Another one keeps the programs loaded.
    monitor.follow(makeLive(Deno.pid), windowsOf("http_request_rate"));
    monitor.follow(makeLive(server.pid), [series!]);
    assert.ok(await waitFor(() => monitor.places === undefined ? undefined : true, 10));
    using kept = await RawConnection.open(server.port);
    using encrypted = await RawConnection.open(server.port);
    await encrypted.send("\x16\x03\x01\x00\x05hello");
    for (let time = 0; time < 3; time++) await kept.get("/");
    await sleep(50);
    assert.deepEqual([connections()?.http, connections()?.tls], [1n, 1n]);
    for (let pause = 0; pause < 2; pause++) {
      monitor.leave(id);
      await kept.get("/");
      monitor.follow(makeLive(server.pid), [series!]);
      assert.equal(connections(), undefined);
      for (let time = 0; time < 3; time++) await kept.get("/");
      await encrypted.send("more");
      await sleep(50);
      assert.deepEqual([connections()?.http, connections()?.tls], [1n, 1n]);
    }
    monitor.leave(id);
    monitor.leave(`boot-${Deno.pid}`);
    await monitor.close();
  }));

Deno.test("HttpMonitor says of which processes it cannot see the requests in flight, and lets those that are judged go first", () =>
  withoutLeaks(libbpf, async () => {
    const sleepers = Array.from({ length: 263 }, () => new Deno.Command("sleep", { args: ["600"] }).spawn());
    try {
      const monitor = new HttpMonitor({ open: openPrograms, logger: silentLogger });
      const judged = { includePending: true, threshold: 100 };
      const [hung, plain] = [windowsOf("http_p95_response_time", judged), windowsOf("http_request_rate")];
      const follow = (children: Deno.ChildProcess[], series: SeriesWindow[]) => {
        for (const { pid } of children) monitor.follow(makeLive(pid), series);
      };
      follow(sleepers.slice(0, 256), plain);
      assert.ok(await waitFor(() => monitor.places === undefined ? undefined : true, 10));
      monitor.readAllPending();
      // So many are read in several turns of the event loop.
      await sleep(300);
      follow(sleepers.slice(0, 7), hung);
      follow(sleepers.slice(256), hung);
      const refused = () =>
        sleepers.filter(({ pid }) => monitor.pendingFault(`boot-${pid}`, hung[0]!.rule) !== undefined).length;
      monitor.read({ second: 1, coveredSeconds: 1, atBootNs: bootNs() });
      await sleep(300);
      assert.equal(refused(), 0);
      follow(sleepers, hung);
      monitor.read({ second: 2, coveredSeconds: 1, atBootNs: bootNs() });
      await waitFor(() => refused() === 7 ? true : undefined, 5);
      assert.equal(refused(), 7);
      const faults = sleepers.map(({ pid }) => monitor.pendingFault(`boot-${pid}`, hung[0]!.rule));
      assert.match(faults.find((fault) => fault !== undefined)!, /of 256 processes on this host already/);
      // Of one that no rule judges it is told, not shown as none.
      await using server = await startPython("thread");
      monitor.follow(makeLive(server.pid), plain);
      using client = await RawConnection.open(server.port);
      await client.get("/");
      const isUnread = async () => {
        takeHttpTraffic(monitor, { startUnixMs: 0, seconds: 1, atBootNs: bootNs() });
        await sleep(300);
        await client.get("/");
        return takeHttpTraffic(monitor, { startUnixMs: 0, seconds: 1, atBootNs: bootNs() })[0]!.processes[0]!
          .inFlightUnread;
      };
      assert.equal(await isUnread(), true);
      for (const { pid } of sleepers.slice(0, 9)) monitor.leave(`boot-${pid}`);
      assert.equal(await isUnread(), false);
      for (const { pid } of [...sleepers, server]) monitor.leave(`boot-${pid}`);
      await monitor.close();
    } finally {
      for (const child of sleepers) child.kill("SIGKILL");
      for (const child of sleepers) await child.status;
    }
  }));

Deno.test("HttpMonitor refuses a process when the watched ones' children fill the map, and takes it in when one ends", () =>
  withoutLeaks(libbpf, async () => {
    let programs: HttpPrograms | undefined;
    const monitor = new HttpMonitor({
      open: async () => {
        programs = await openPrograms();
        // As 8,192 children would.
        for (let tgid = 0; tgid < 8192; tgid++) programs.watch(4_000_000 + tgid, 1);
        return programs;
      },
      logger: silentLogger,
    });
    await using server = await startPython("thread");
    const [series] = windowsOf("http_request_rate");
    monitor.follow(makeLive(server.pid), [series!]);
    assert.ok(await waitFor(() => monitor.places === undefined ? undefined : true, 10));
    const fault = () => monitor.fault(`boot-${server.pid}`, series!.window);
    monitor.read({ second: 1, coveredSeconds: 1, atBootNs: bootNs() });
    assert.match(fault()!, /8,192 processes and children/);
    programs!.unwatch(4_000_000);
    monitor.read({ second: 2, coveredSeconds: 1, atBootNs: bootNs() });
    assert.equal(fault(), undefined);
    using client = await RawConnection.open(server.port);
    for (let time = 0; time < 7; time++) await client.get("/");
    monitor.read({ second: 3, coveredSeconds: 1, atBootNs: bootNs() });
    assert.equal(series!.window.slots(3, 1)[0]!.value, 7);
    monitor.leave(`boot-${server.pid}`);
    await monitor.close();
  }));

Deno.test("HttpMonitor counts a path that there were too many others of as soon as these are gone", () =>
  withoutLeaks(libbpf, async () => {
    await using server = await startPython("thread");
    const monitor = new HttpMonitor({ open: openPrograms, logger: silentLogger });
    const paths = Array.from({ length: 2048 }, (_, index) => `/many/${index}`);
    monitor.follow(makeLive(1), windowsOf("http_request_rate", { uri: { paths } }));
    assert.ok(await waitFor(() => monitor.places === undefined ? undefined : true, 10));
    const [series] = windowsOf("http_request_rate", { uri: { paths: ["/one"] } });
    monitor.follow(makeLive(server.pid), [series!]);
    const fault = () => monitor.fault(`boot-${server.pid}`, series!.window);
    assert.match(fault()!, /2,048 paths and prefixes are compared on this host already/);
    monitor.leave("boot-1");
    monitor.read({ second: 1, coveredSeconds: 1, atBootNs: bootNs() });
    assert.equal(fault(), undefined);
    using client = await RawConnection.open(server.port);
    for (let time = 0; time < 3; time++) await client.get("/one");
    monitor.read({ second: 2, coveredSeconds: 1, atBootNs: bootNs() });
    assert.equal(series!.window.slots(2, 1)[0]!.value, 3);
    monitor.leave(`boot-${server.pid}`);
    await monitor.close();
  }));
