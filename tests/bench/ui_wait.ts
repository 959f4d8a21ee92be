import { repositoryRoot } from "../../scripts/command.ts";
import type { Figure } from "./figure.ts";
import { sleep, startPinned, withFolder } from "./machine.ts";
import { type BenchServer, startServer } from "./server.ts";
import { percentile } from "./statistics.ts";

const hosts = 100;
const seconds = 20;
const pauseMs = 40;

/** How long a page waits for its data while many hosts report, next to the same server left alone. */
export const uiWait: Figure = {
  name: "ui",
  measure: () => withFolder(measure),
};

async function measure(folder: string) {
  await using server = await startServer(folder, 1);
  const script = new URL("hosts.ts", import.meta.url).pathname;
  const alone = await measureWaits(server, seconds / 4);
  const command = [
    `${repositoryRoot}/scripts/deno`,
    "run",
    "-A",
    script,
    server.url,
    server.agentToken,
    `${hosts}`,
  ];
  await using load = startPinned(command, { cpu: 0 });
  await load.expect(/ready/);
  await sleep(3000);
  const waits = await measureWaits(server, seconds);
  return [{
    what: `A page's wait for its data while ${hosts} hosts report`,
    ours: show(waits),
    alternative: `nobody reports: ${show(alone)}`,
    target: "worst ≤ 50 ms",
    met: Math.max(...waits) <= 50,
    basis: `${waits.length} queries of four kinds in ${seconds} s; ${hosts} hosts × 20 processes, every 2 s`,
  }];
}

/** Asks what the Overview and Process pages ask, one after the other. */
async function measureWaits({ query }: BenchServer, forSeconds: number): Promise<number[]> {
  const waits: number[] = [];
  const endMs = performance.now() + forSeconds * 1000;
  const timed = async <T>(work: Promise<T>, startMs = performance.now()) => {
    const result = await work;
    waits.push(performance.now() - startMs);
    await sleep(pauseMs);
    return result;
  };
  await query.getOverview({}); // Connects.
  while (performance.now() < endMs) {
    await timed(query.getOverview({}));
    const { processes } = await timed(query.listProcesses({ search: "worker", limit: 100 }));
    const summary = processes[0];
    if (summary?.process === undefined) continue;
    await timed(query.getProcess({ id: summary.process.id }));
    await timed(query.queryMetrics({
      agentId: summary.agentId,
      series: [{ processId: summary.process.id, metric: "process_cpu" }],
      fromUnixMs: BigInt(Date.now() - 300_000),
    }));
  }
  return waits;
}

function show(waits: readonly number[]): string {
  const [median, p99] = [percentile(waits, 50), percentile(waits, 99)];
  return `median ${median.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, worst ${
    Math.max(...waits).toFixed(1)
  } ms`;
}
