/**
 * Reports of many hosts, as a program of its own so that it does not hold up who measures: COUNT hosts with 20 processes
 * each report every two seconds, at even distances, until it is killed.
 *
 * usage: hosts.ts URL AGENT_TOKEN COUNT
 */
import { sleep } from "./machine.ts";
import { BenchHost } from "./server.ts";

const processesPerHost = 20;
const reportSeconds = 2;

const [url = "", agentToken = "", count = "1"] = Deno.args;
const hosts = Array.from(
  { length: Number(count) },
  (_, index) => new BenchHost({ url, agentToken }, `host-${index}`),
);
for (const host of hosts) await host.report({ case: "inventory", value: makeInventory(host) });
console.log("ready");
await Promise.all(hosts.map(reportForEver));

async function reportForEver(host: BenchHost, index: number): Promise<void> {
  let dueMs = performance.now() + index / hosts.length * reportSeconds * 1000;
  for (;; dueMs += reportSeconds * 1000) {
    await sleep(Math.max(0, dueMs - performance.now()));
    await host.report({ case: "metrics", value: makeMetrics(host) }, {
      case: "inventory",
      value: makeUses(host),
    });
  }
}

function makeInventory(host: BenchHost) {
  return {
    full: true,
    changed: processIds(host).map((id, index) => makeProcess(host, id, index)),
    atUnixMs: now(),
  };
}

function makeProcess({ info }: BenchHost, id: string, index: number) {
  const name = `worker-${index}`;
  return {
    id,
    pid: 1000 + index,
    name,
    exe: `/srv/app/${name}`,
    service: name,
    instance: info.host,
    startedAtUnixMs: now(),
  };
}

function makeUses(host: BenchHost) {
  const uses = processIds(host).map((processId) => ({
    processId,
    cpuPercent: Math.random() * 100,
    threads: 8,
  }));
  return { uses, atUnixMs: now() };
}

function makeMetrics(host: BenchHost) {
  const series = processIds(host).map((processId) => ({ processId, metric: "process_cpu" }));
  const slots = series.length * reportSeconds;
  const startUnixMs = BigInt(Math.floor(Date.now() / 1000 - reportSeconds) * 1000);
  const values = Array.from({ length: slots }, () => Math.random() * 100);
  return { startUnixMs, seconds: reportSeconds, series, values, states: new Uint8Array(slots).fill(1) };
}

function processIds({ info }: BenchHost): string[] {
  return Array.from(
    { length: processesPerHost },
    (_, index) => `${info.bootId.slice(0, 8)}-${index}-${1000 + index}`,
  );
}

function now(): bigint {
  return BigInt(Date.now());
}
