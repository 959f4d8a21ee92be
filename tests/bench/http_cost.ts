import process from "node:process";
import type { Figure } from "./figure.ts";
import { buildShipper, type HttpWatcher, watchByShipping, watchInKernel } from "./http_watchers.ts";
import { readThreadTimes, sleep, startPinned, usedNs, waitUntil, withFolder } from "./machine.ts";
import { formatInterval, medianInterval } from "./statistics.ts";

const rounds = 10;
const runSeconds = 2;
const connections = 8;
const port = 18_181;

type Mode = "none" | "unwatched" | "watched" | "ship" | "shipAndWake";
const modes: readonly Mode[] = ["none", "unwatched", "watched", "ship", "shipAndWake"];

/** What one run cost. */
interface Run {
  /** CPU time of the server and of who watches, a request. */
  serverNs: number;
  watcherNs: number;
  perSecond: number;
  /** Requests that were counted more or fewer than the client got. */
  wrong: number;
}

/** What it costs a busy nginx to have its HTTP watched, against sending the head of each message to user space. */
export const httpCost: Figure = { name: "http", measure: () => withFolder(measure) };

async function measure(folder: string) {
  const shipper = await buildShipper(folder);
  await Deno.writeTextFile(`${folder}/nginx.conf`, configuration(folder));
  await using nginx = startPinned(["nginx", "-c", `${folder}/nginx.conf`, "-p", folder], { cpu: 1 });
  let worker = 0;
  const children = `/proc/${nginx.pid}/task/${nginx.pid}/children`;
  await waitUntil(() => (worker = Number(Deno.readTextFileSync(children).trim())) > 0, "nginx starts");
  await sleep(300);
  async function run(mode: Mode): Promise<Run> {
    await using watcher = await startWatcher(mode, worker, shipper);
    await sleep(100);
    const [before, ownBefore] = [readThreadTimes(worker), process.cpuUsage()];
    const requests = await runWrk();
    const [after, own] = [readThreadTimes(worker), process.cpuUsage(ownBefore)];
    await sleep(20);
    const counts = mode === "none" || mode === "unwatched" ? requests : watcher!.requests();
    return {
      serverNs: usedNs(before, after) / requests,
      watcherNs: (own.user + own.system) * 1000 / requests,
      perSecond: requests / runSeconds,
      wrong: counts < requests ? requests - counts : Math.max(0, counts - requests - connections),
    };
  }
  await run("none");
  const results = new Map<Mode, Run[]>(modes.map((mode) => [mode, []]));
  for (let round = 0; round < rounds; round++) {
    for (const mode of round % 2 === 0 ? modes : modes.toReversed()) results.get(mode)!.push(await run(mode));
  }
  return makeRows(results);
}

function makeRows(results: ReadonlyMap<Mode, Run[]>) {
  const base = results.get("none")!;
  const added = (mode: Mode, withWatcher: boolean) =>
    results.get(mode)!.map(({ serverNs, watcherNs }, round) => {
      const other = base[round]!;
      return serverNs - other.serverNs + (withWatcher ? watcherNs - other.watcherNs : 0);
    });
  const rate = (mode: Mode) =>
    medianInterval(results.get(mode)!.map(({ perSecond }, round) => perSecond / base[round]!.perSecond));
  const ours = medianInterval(added("watched", true));
  const ship = medianInterval(added("ship", true));
  const wake = medianInterval(added("shipAndWake", true));
  const unwatched = medianInterval(added("unwatched", false));
  const wrong = Math.max(...results.get("watched")!.map((one) => one.wrong));
  const baseNs = medianInterval(base.map(({ serverNs }) => serverNs)).median;
  const basis =
    `${rounds} rounds of ${runSeconds} s, nginx's worker on CPU 1, wrk and who watches on CPU 0, ${
      Math.round(baseNs)
    } ns of CPU a request when nobody watches`;
  const format = (interval: ReturnType<typeof medianInterval>) => formatInterval(interval, " ns", 0);
  return [{
    what: "CPU of watching HTTP, a request",
    ours: `${format(ours)}; throughput × ${formatInterval(rate("watched"), "")}; ${wrong} counted wrong`,
    alternative: `sending each message's head, drained every 2 ms: ${format(ship)}, × ${
      formatInterval(rate("ship"), "")
    }; with a wake-up each: ${format(wake)}, × ${formatInterval(rate("shipAndWake"), "")}`,
    target: "≤ 0.7 and ≤ 0.25 of those; all counted",
    met: ours.median <= 0.7 * ship.median && ours.median <= 0.25 * wake.median && wrong === 0,
    basis,
  }, {
    what: "CPU of a server beside one that is watched, a request",
    ours: format(unwatched),
    alternative: "",
    target: "0 within its interval, or ≤ 3 %",
    met: unwatched.low <= 0 || unwatched.median <= 0.03 * baseNs,
    basis,
  }];
}

async function startWatcher(mode: Mode, worker: number, shipper: string): Promise<HttpWatcher | undefined> {
  switch (mode) {
    case "none":
      return undefined;
    case "unwatched":
      return await watchInKernel(1);
    case "watched":
      return await watchInKernel(worker);
    default:
      return await watchByShipping(shipper, worker, mode === "shipAndWake");
  }
}

async function runWrk(): Promise<number> {
  const args = ["-c", "0", "wrk", "-t1", `-c${connections}`, `-d${runSeconds}s`, `http://127.0.0.1:${port}/`];
  const { stdout } = await new Deno.Command("taskset", { args }).output();
  const requests = /(\d+) requests in/.exec(new TextDecoder().decode(stdout))?.[1];
  if (requests === undefined) throw new Error("Cannot read what wrk says");
  return Number(requests);
}

function configuration(folder: string): string {
  return `daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 512; }
http { access_log off; keepalive_requests 100000000; server { listen 127.0.0.1:${port}; location / { return 200 "ok"; } } }`;
}
