import { repositoryRoot } from "../../scripts/command.ts";
import { SplitHost } from "../support/split_host.ts";
import type { Figure } from "./figure.ts";
import {
  buildProgram,
  type PinnedProgram,
  readThreadTimes,
  sleep,
  stakeout,
  startPinned,
  usedNs,
  withFolder,
} from "./machine.ts";
import { formatInterval, medianInterval } from "./statistics.ts";

const processes = 200;
const slices = 12;
const sliceMs = 10_000;
const service = "bench-sleeper";
const policy = `apiVersion: stakeout/v1
kind: Policy
metadata: { name: bench }
target: { service: ${service} }
rules:
  - { metric: process_cpu, threshold: 90%, period: 60s, count: 30 }
  - { metric: process_thread_count, threshold: 1000, period: 60s, count: 30 }
start: [on_cpu]
`;

/** What an agent costs that reports to an OAP, beside one that reports to our own backend, with the same processes. */
export const skywalkingCost: Figure = {
  name: "skywalking",
  measure: () => withFolder(measure),
};

async function measure(folder: string) {
  const sleeper = await buildProgram("programs/sleepers.c", folder, service);
  await using sleepers = startPinned([sleeper, String(processes)], { cpu: 1 });
  await sleepers.expect(/ready/);
  const host = new SplitHost(folder);
  await using _server = await host.startServer();
  await host.apply(policy);
  const script = new URL("oap_service.ts", import.meta.url).pathname;
  await using oap = startPinned([`${repositoryRoot}/scripts/deno`, "run", "-A", script, service], { cpu: 1 });
  const [, port] = await oap.expect(/listening on (\d+)/);
  const reporting = [
    ["--backend", host.url, "--token-file", `${folder}/agent_token`, "--state", `${folder}/ours`],
    ["--backend", `skywalking://127.0.0.1:${port}`, "--state", `${folder}/theirs`],
  ];
  await using ours = startPinned([...stakeout, "agent", ...reporting[0]!], { cpu: 0, read: "stderr" });
  await ours.expect(/Policies are in step/);
  await using theirs = startPinned([...stakeout, "agent", ...reporting[1]!], { cpu: 0, read: "stderr" });
  await theirs.expect(/A policy of the OAP was taken over/);
  // Until the code that runs seldom is compiled, too.
  await sleep(90_000);
  await count(oap);
  const [plain = [], oapCost = []] = await sample(ours.pid, theirs.pid);
  const { meters, known } = await count(oap);
  const [own, other] = [medianInterval(plain), medianInterval(oapCost)];
  const ratio = other.median / own.median;
  return [{
    what: "CPU of an agent that reports to an OAP, % of one core",
    ours: formatInterval(other, " %"),
    alternative: `to our own backend: ${formatInterval(own, " %")}; ${ratio.toFixed(2)}×`,
    target: "≤ 1.2×",
    met: ratio <= 1.2 && meters >= slices * processes && known >= processes,
    basis: `${slices} slices of ${
      sliceMs / 1000
    } s, both at once on one CPU, ${processes} watched, two metrics`,
  }];
}

/** What has reached the OAP since the last count, and the processes it knows. */
async function count(oap: PinnedProgram): Promise<{ meters: number; known: number }> {
  await oap.send("");
  const [, meters, known] = await oap.expect(/meters (\d+) processes (\d+)/);
  return { meters: Number(meters), known: Number(known) };
}

async function sample(...pids: number[]): Promise<number[][]> {
  const costs: number[][] = pids.map(() => []);
  for (let slice = 0; slice < slices; slice++) {
    const startMs = performance.now();
    const before = pids.map(readThreadTimes);
    await sleep(sliceMs);
    const elapsedNs = (performance.now() - startMs) * 1e6;
    for (const [index, pid] of pids.entries()) {
      costs[index]!.push(usedNs(before[index]!, readThreadTimes(pid)) / elapsedNs * 100);
    }
  }
  return costs;
}
