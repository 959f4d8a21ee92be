import fc from "fast-check";
import assert from "node:assert/strict";
import { defaultRetention } from "./retention.ts";
import { SqliteStore } from "./sqlite_store.ts";
import type { ReportBatch, ReportItem } from "./store.ts";

const startMs = 1_795_000_000_000 - 1_795_000_000_000 % 3_600_000;
const data = new Uint8Array(100);
const key = { processId: "p-0", metric: "process_cpu", uri: "", variant: "" };

function open(path = ":memory:", nowMs = startMs, limits = defaultRetention): SqliteStore {
  return new SqliteStore({ path, limits, nowMs });
}

function batch(sequence: number, atMs: number, ...items: ReportItem[]): ReportBatch {
  const numbered = items.map((item, index) => ({ sequence: sequence + index, item }));
  const lastSequence = sequence + items.length - 1;
  return { agentId: "a", info: data, atMs, lastSequence, items: numbered };
}

function metrics(atMs: number, values: readonly number[], states?: readonly number[]): ReportItem {
  return {
    kind: "metrics",
    startSecond: atMs / 1000,
    seconds: values.length,
    series: [key],
    values: Float32Array.from(values),
    states: Uint8Array.from(states ?? values.map(() => 1)),
  };
}

function task(id: string, startedAtMs: number): ReportItem {
  const processes = [{ id: "p-0", service: "checkout" }];
  const row = {
    id,
    policy: "hot",
    metric: "process_cpu",
    state: 1,
    startedAtMs,
    deadlineMs: startedAtMs + 60_000,
  };
  return { kind: "task", task: { ...row, processes, search: `hot checkout ${id}`, data } };
}

function chunk(taskId: string, number: number, bytes: number, atMs: number): ReportItem {
  return { kind: "profile", taskId, profileKind: 1, number, startMs: atMs, data: new Uint8Array(bytes) };
}

/** Runs the background work until there is none. */
function settle(store: SqliteStore, nowMs: number): void {
  for (let steps = 0; store.work(nowMs); steps++) assert.ok(steps < 100_000);
}

function read(store: SqliteStore, fromMs: number, toMs: number, maxPoints = 2000) {
  const { stepSeconds, series } = store.queryMetrics({
    agentId: "a",
    series: [key],
    fromMs,
    toMs,
    maxPoints,
  });
  return { stepSeconds, ...series[0]! };
}

Deno.test("queryMetrics() returns every slot before and after its minute is packed", () => {
  const store = open();
  const seconds = 150;
  for (let second = 0; second < seconds; second += 5) {
    const values = [0, 1, 2, 3, 4].map((offset) => second + offset);
    store.putReport(batch(1 + second / 5, startMs, metrics(startMs + second * 1000, values)));
  }
  const expected = Array.from({ length: seconds }, (_, second) => second);
  assert.deepEqual(read(store, startMs, startMs + seconds * 1000).mean, expected);
  assert.equal(store.sizes(startMs).journalEntries, 30);
  settle(store, startMs + 300_000);
  assert.equal(store.sizes(startMs).journalEntries, 0);
  const { mean, atSeconds, stepSeconds } = read(store, startMs, startMs + seconds * 1000);
  assert.deepEqual(mean, expected);
  assert.deepEqual([stepSeconds, atSeconds[0]], [1, startMs / 1000]);
  store.close();
});

Deno.test("queryMetrics() leaves empty slots out and lays late ones over what is packed", () => {
  const store = open();
  store.putReport(batch(1, startMs, metrics(startMs, [1, 0, 3], [1, 0, 2])));
  settle(store, startMs + 120_000);
  store.putReport(batch(2, startMs + 120_000, metrics(startMs, [0, 2, 0], [0, 1, 0])));
  assert.deepEqual(read(store, startMs, startMs + 10_000).mean, [1, 2, 3]);
  settle(store, startMs + 300_000);
  assert.deepEqual(read(store, startMs, startMs + 10_000).mean, [1, 2, 3]);
  store.close();
});

Deno.test("queryMetrics() joins slots into min, max and mean within max_points", () => {
  const store = open();
  store.putReport(batch(1, startMs, metrics(startMs, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])));
  const { stepSeconds, min, max, mean } = read(store, startMs, startMs + 10_000, 3);
  assert.equal(stepSeconds, 5);
  assert.deepEqual([min, max, mean], [[1, 6], [5, 10], [3, 8]]);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 31 * 86_400 }),
      fc.integer({ min: 1, max: 2000 }),
      (seconds, points) => {
        const columns = read(store, startMs - seconds * 1000 + 10_000, startMs + 10_000, points);
        assert.ok(seconds / columns.stepSeconds <= Math.max(1, points));
        assert.ok(columns.mean.length <= points);
      },
    ),
    { numRuns: 20 },
  );
  store.close();
});

Deno.test("a store that was not closed reads its journal back", async () => {
  const folder = await Deno.makeTempDir();
  const first = open(`${folder}/a.db`);
  first.putReport(batch(1, startMs, metrics(startMs, [1, 2, 3])));
  first.putReport(batch(2, startMs, metrics(startMs + 58_000, [7, 8, 9, 10])));
  // As a kill leaves it.
  await Deno.copyFile(`${folder}/a.db`, `${folder}/b.db`);
  await Deno.copyFile(`${folder}/a.db-wal`, `${folder}/b.db-wal`);
  first.close();
  const second = open(`${folder}/b.db`);
  assert.deepEqual(read(second, startMs, startMs + 70_000).mean, [1, 2, 3, 7, 8, 9, 10]);
  settle(second, startMs + 300_000);
  assert.deepEqual(read(second, startMs, startMs + 70_000).mean, [1, 2, 3, 7, 8, 9, 10]);
  second.close();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("retention sums per-second data up after a day, once, and drops it after 30", () => {
  const store = open();
  const hourMs = 3_600_000;
  store.putReport(batch(1, startMs, metrics(startMs, [1, 2, 3]), metrics(startMs + 60_000, [5, 7])));
  settle(store, startMs + 24 * hourMs);
  assert.equal(read(store, startMs, startMs + 120_000).stepSeconds, 1);
  const late = startMs + 25 * hourMs + 120_000;
  settle(store, late);
  const summed = read(store, startMs, startMs + 120_000);
  assert.deepEqual([summed.stepSeconds, summed.min, summed.max, summed.mean], [60, [1, 5], [3, 7], [2, 6]]);
  // What comes after its minute was summed up joins it.
  store.putReport(batch(3, late, metrics(startMs + 3000, [10])));
  assert.deepEqual(read(store, startMs, startMs + 60_000).mean, [4]);
  settle(store, late + 120_000);
  const joined = read(store, startMs, startMs + 60_000);
  assert.deepEqual([joined.min, joined.max, joined.mean], [[1], [10], [4]]);
  settle(store, startMs + 32 * 24 * hourMs);
  assert.deepEqual(read(store, startMs, startMs + hourMs).mean, []);
  assert.equal(store.sizes(startMs).series, 0);
  store.close();
});

Deno.test("retention deletes the oldest profiles over the limit, with their tasks, and what is over 30 days", () => {
  const store = open(":memory:", startMs, { ...defaultRetention, profileBytes: 50_000 });
  for (let index = 0; index < 5; index++) {
    const atMs = startMs + index * 1000;
    const chunks = Array.from({ length: 23 }, (_, number) => chunk(`t${index}`, number, 1000, atMs));
    store.putReport(batch(1 + index * 24, atMs, task(`t${index}`, atMs), ...chunks));
  }
  assert.equal(store.sizes(startMs).profileBytes, 5 * 23_000);
  settle(store, startMs + 10_000);
  assert.ok(store.sizes(startMs).profileBytes <= 50_000);
  assert.equal(store.getTask("t2"), undefined);
  assert.deepEqual(store.getTask("t4")?.profileBytes, 23_000);
  assert.equal(store.readChunks("t4", 1, 0).length, 23);
  settle(store, startMs + 31 * 86_400_000);
  assert.deepEqual([store.sizes(startMs).tasks, store.sizes(startMs).profileBytes], [0, 0]);
  assert.deepEqual(store.listAgents(), []);
  store.close();
});

Deno.test("putReport() stores nothing of a batch that fails", () => {
  const store = open();
  const broken = { ...task("t1", startMs), task: undefined } as unknown as ReportItem;
  assert.throws(() => store.putReport(batch(1, startMs, metrics(startMs, [1]), task("t0", startMs), broken)));
  assert.deepEqual([store.sizes(startMs).tasks, store.sizes(startMs).series, store.listAgents().length], [
    0,
    0,
    0,
  ]);
  assert.equal(store.putReport(batch(1, startMs, metrics(startMs, [1]), task("t0", startMs))), 2);
  assert.deepEqual(read(store, startMs, startMs + 1000).mean, [1]);
  store.close();
});

Deno.test("a whole inventory ends the processes that are not in it", () => {
  const store = open();
  function inventory(full: boolean, ids: readonly string[], gone: readonly string[] = []): ReportItem {
    const changed = ids.map((id, index) => ({
      id,
      host: "h",
      pid: index,
      name: `name-${id}`,
      exe: "/bin/x",
      service: "s",
      instance: "i",
      cgroup: "/",
      labels: { tier: id },
      data,
    }));
    const uses = ids.map((id, index) => ({ id, cpuPercent: index * 10, threads: index }));
    return { kind: "inventory", full, changed, uses, gone, atMs: startMs };
  }
  const query = { order: "cpu" as const, offset: 0, limit: 10, includeEnded: false };
  store.putReport(batch(1, startMs, inventory(true, ["a", "b", "c"])));
  assert.deepEqual(store.listProcesses(query).rows.map(({ id }) => id), ["c", "b", "a"]);
  store.putReport(batch(2, startMs, inventory(false, ["d"], ["a"])));
  store.putReport(batch(3, startMs, inventory(true, ["c", "d"])));
  assert.deepEqual(store.listProcesses({ ...query, order: "name" }).rows.map(({ id }) => id), ["c", "d"]);
  assert.deepEqual(store.listProcesses(query).rows.map(({ id, cpuPercent }) => [id, cpuPercent]), [
    ["d", 10],
    ["c", 0],
  ]);
  assert.deepEqual(store.listProcesses({ ...query, offset: 1 }).total, 2);
  assert.equal(store.listProcesses({ ...query, includeEnded: true }).total, 4);
  assert.equal(store.listProcesses({ ...query, search: "NAME-d /bin" }).total, 1);
  assert.equal(store.matchProcesses({ labels: { tier: "c" } }, 10).total, 1);
  store.close();
});

Deno.test("policies keep every version, and a deleted one its last text", () => {
  const store = open();
  const policy = (source: string) => [{ name: "hot", source }];
  assert.deepEqual(store.savePolicies(policy("one"), 1), { kind: "saved", setVersion: 1 });
  assert.deepEqual(store.savePolicies(policy("one"), 2), { kind: "saved", setVersion: 1 });
  assert.deepEqual(store.savePolicies(policy("two"), 3, 1), { kind: "saved", setVersion: 2 });
  assert.deepEqual(store.savePolicies(policy("three"), 4, 1), { kind: "conflict", version: 2 });
  assert.deepEqual(store.deletePolicy("hot", 5), { kind: "saved", setVersion: 3 });
  assert.deepEqual(store.deletePolicy("hot", 6), { kind: "missing" });
  assert.deepEqual(store.savePolicies(policy("four"), 7), { kind: "saved", setVersion: 4 });
  assert.deepEqual(
    store.listPolicyVersions("hot").map(({ version, change, source }) => [version, change, source]),
    [
      [4, "created", "four"],
      [3, "deleted", "two"],
      [2, "updated", "two"],
      [1, "created", "one"],
    ],
  );
  store.close();
});

Deno.test("two rules that differ only in their variant are two series", () => {
  const store = open();
  const errors = { ...key, metric: "http_error_rate", uri: "/pay" };
  const keys = [errors, { ...errors, variant: "path 5xx" }, { ...errors, variant: "path client" }];
  const item: ReportItem = {
    kind: "metrics",
    startSecond: startMs / 1000,
    seconds: 2,
    series: keys,
    values: Float32Array.from([3, 5, 7, 11, 13, 17]),
    states: new Uint8Array(6).fill(1),
  };
  store.putReport(batch(1, startMs, item));
  settle(store, startMs + 300_000);
  const { series } = store.queryMetrics({
    ...{ agentId: "a", series: keys, fromMs: startMs, toMs: startMs + 2000 },
    maxPoints: 10,
  });
  assert.deepEqual(series.map(({ mean }) => mean), [[3, 5], [7, 11], [13, 17]]);
  assert.deepEqual(store.listSeries("a", "p-0").map(({ variant }) => variant), [
    "",
    "path 5xx",
    "path client",
  ]);
  assert.equal(store.sizes(startMs).series, 3);
  store.close();
});

Deno.test("HTTP records of a process are kept for five minutes, and the newest of one that ended for a day", () => {
  const store = open();
  const row = {
    host: "h",
    pid: 1,
    name: "n",
    exe: "/n",
    service: "s",
    instance: "i",
    cgroup: "/",
    labels: {},
    data,
  };
  const inventory: ReportItem = {
    ...{ kind: "inventory", full: true, uses: [], gone: [], atMs: startMs },
    changed: [{ ...row, id: "p-0" }],
  };
  store.putReport(batch(1, startMs, inventory));
  const http = (atMs: number, ...ids: string[]): ReportItem => ({
    kind: "http",
    startMs: atMs,
    seconds: 10,
    processes: ids.flatMap((id) => [{ id, client: false, data }, { id, client: true, data }]),
  });
  for (let index = 0; index < 61; index++) {
    store.putReport(batch(2 + index, startMs, http(startMs + index * 10_000, "p-0", "of-another-agent")));
  }
  const found = store.listHttp(["p-0", "of-another-agent", "unknown"], 1000);
  assert.equal(found.length, 60);
  assert.deepEqual([found[0]?.startMs, found.at(-1)?.startMs], [startMs + 600_000, startMs + 310_000]);
  assert.deepEqual(store.listHttp(["p-0"], 7).length, 7);
  settle(store, startMs + 23 * 3_600_000);
  assert.equal(store.listHttp(["p-0"], 1000).length, 60);
  settle(store, startMs + 25 * 3_600_000);
  assert.deepEqual(store.listHttp(["p-0"], 1000), []);
  store.close();
});

Deno.test("SqliteStore finds the other ends of a network profile until it goes, with its ends", () => {
  const store = open();
  const ends = (edge: number, isServer: boolean) => [{ edge, pair: "net 1 2 1 443", isServer }];
  const network = (taskId: string, atMs: number, edge: number, isServer: boolean): ReportItem => ({
    ...chunk(taskId, 0, 100, atMs) as ReportItem & { kind: "profile" },
    ...{ profileKind: 3, ends: ends(edge, isServer) },
  });
  const hourMs = 3_600_000;
  store.putReport(batch(1, startMs, task("t1", startMs), network("t1", startMs, 1, false)));
  store.putReport({
    ...batch(1, startMs, task("t2", startMs + 9_000), network("t2", startMs + 9_000, 7, true)),
    agentId: "b",
  });
  // Another client of the same server, and a server that ran at another time, are not the other end.
  store.putReport(batch(3, startMs, task("t3", startMs), network("t3", startMs, 1, false)));
  store.putReport(batch(5, startMs, task("t4", startMs + hourMs), network("t4", startMs + hourMs, 2, true)));
  const far = store.listFarEnds("t1");
  assert.deepEqual(far.map(({ edge, taskId, farEdge, agentId }) => [edge, taskId, farEdge, agentId]), [
    [1, "t2", 7, "b"],
  ]);
  assert.deepEqual(store.listFarEnds("t4"), []);
  assert.equal(store.sizes(startMs).profileBytes, 400);
  settle(store, startMs + 31 * 24 * hourMs);
  assert.deepEqual([store.listFarEnds("t1"), store.sizes(startMs).profileBytes], [[], 0]);
  store.close();
});
