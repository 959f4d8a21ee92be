import process from "node:process";
import { enableStats } from "../../lib/bpf/stats.ts";
import type { Figure } from "./figure.ts";
import {
  buildWatcher,
  type HttpWatcher,
  libbpf,
  watchByPairing,
  watchByShipping,
  watchInKernel,
} from "./http_watchers.ts";
import { readThreadTimes, sleep, usedNs, withFolder } from "./machine.ts";
import { loadConnections, loadNginx, startNginx } from "./nginx.ts";
import { formatInterval, type Interval, medianInterval } from "./statistics.ts";

const rounds = 10;
const runSeconds = 2;
/** Of those in which the kernel times its programs, which costs as much as some of them. */
const timedRounds = 5;
const timedSeconds = 1;

const timedModes = ["watched", "pairs", "ships", "wakes"] as const;
const modes = ["none", "unwatched", ...timedModes] as const;
type Mode = typeof modes[number];

/** What one run cost. */
interface Run {
  /** CPU time of the server and of who watches, a request. */
  serverNs: number;
  watcherNs: number;
  /** Of the programs; 0 unless the kernel takes it. */
  programNs: number;
  perSecond: number;
  /** Requests that were counted more or fewer than the client got. */
  wrong: number;
}

type Results = ReadonlyMap<Mode, readonly Run[]>;

/**
 * What it costs a busy nginx to have its HTTP watched, against the program that was there first and against sending the head
 * of each message to user space.
 */
export const httpCost: Figure = { name: "http", measure: () => withFolder(measure) };

async function measure(folder: string) {
  const [pairs, ships] = [await buildWatcher("http_pair", folder), await buildWatcher("http_ship", folder)];
  await using nginx = await startNginx(folder);
  const { perSecond: usualPerSecond } = await loadNginx(nginx.url, runSeconds);
  async function startWatcher(mode: Mode): Promise<HttpWatcher | undefined> {
    switch (mode) {
      case "none":
        return undefined;
      case "unwatched":
        return await watchInKernel(1, usualPerSecond);
      case "watched":
        return await watchInKernel(nginx.pid, usualPerSecond);
      case "pairs":
        return await watchByPairing(pairs, nginx.pid);
      default:
        return await watchByShipping(ships, nginx.pid, mode === "wakes");
    }
  }
  async function run(mode: Mode, seconds: number): Promise<Run> {
    await using watcher = await startWatcher(mode);
    await sleep(100);
    const [before, ownBefore] = [readThreadTimes(nginx.pid), process.cpuUsage()];
    const { requests, perSecond } = await loadNginx(nginx.url, seconds);
    const [after, own] = [readThreadTimes(nginx.pid), process.cpuUsage(ownBefore)];
    await sleep(20);
    const counts = mode === "none" || mode === "unwatched" ? requests : watcher!.requests();
    return {
      serverNs: usedNs(before, after) / requests,
      watcherNs: (own.user + own.system) * 1000 / requests,
      programNs: (watcher?.runTimeNs() ?? 0) / requests,
      perSecond,
      wrong: counts < requests ? requests - counts : Math.max(0, counts - requests - loadConnections),
    };
  }
  async function runRounds(count: number, seconds: number, wanted: readonly Mode[]): Promise<Results> {
    const results = new Map<Mode, Run[]>(wanted.map((mode) => [mode, []]));
    for (let round = 0; round < count; round++) {
      for (const mode of round % 2 === 0 ? wanted : wanted.toReversed()) {
        results.get(mode)!.push(await run(mode, seconds));
      }
    }
    return results;
  }
  const results = await runRounds(rounds, runSeconds, modes);
  const stopTiming = enableStats(libbpf);
  const timed = await runRounds(timedRounds, timedSeconds, timedModes);
  stopTiming();
  return [programRow(timed), ...costRows(results)];
}

function programRow(timed: Results) {
  const times = timedModes.map((mode) => timed.get(mode)!.map(({ programNs }) => programNs));
  const [ours, pairs, ships, wakes] = times.map((ns) => formatNs(medianInterval(ns)));
  const more = medianInterval(times[0]!.map((ns, round) => ns - times[1]![round]!));
  return {
    what: "BPF run time of a watched request",
    ours: ours!,
    alternative: `the first program, which only counts and times: ${pairs}, ours − that: ${
      formatNs(more)
    }; sending heads: ${ships}; with a wake-up each: ${wakes}`,
    target: "not more than the first program's, by the interval",
    met: more.low <= 0,
    basis:
      `${timedRounds} rounds of ${timedSeconds} s, by the kernel's own statistics, which take part in it`,
  };
}

function costRows(results: Results) {
  const base = results.get("none")!;
  const added = (mode: Mode, withWatcher = true) =>
    results.get(mode)!.map(({ serverNs, watcherNs }, round) => {
      const other = base[round]!;
      return serverNs - other.serverNs + (withWatcher ? watcherNs - other.watcherNs : 0);
    });
  const rate = (mode: Mode) =>
    formatInterval(
      medianInterval(results.get(mode)!.map(({ perSecond }, round) => perSecond / base[round]!.perSecond)),
      "",
    );
  const [ours, pairs, ships, wakes] = timedModes.map((mode) => medianInterval(added(mode))) as [
    Interval,
    Interval,
    Interval,
    Interval,
  ];
  const pairsNs = added("pairs", false);
  const more = medianInterval(added("watched", false).map((ns, round) => ns - pairsNs[round]!));
  const unwatched = medianInterval(added("unwatched", false));
  const wrong = Math.max(...results.get("watched")!.map((one) => one.wrong));
  const baseNs = medianInterval(base.map(({ serverNs }) => serverNs)).median;
  const basis = `${rounds} rounds of ${runSeconds} s, nginx on CPU 1, wrk and who watches on CPU 0, ${
    Math.round(baseNs)
  } ns of CPU a request when nobody watches`;
  return [{
    what: "CPU of watching HTTP, a request",
    ours: `${formatNs(ours)}; throughput × ${rate("watched")}; ${wrong} counted wrong`,
    alternative: `sending each message's head, drained every 2 ms: ${formatNs(ships)}, × ${
      rate("ships")
    }; with a wake-up each: ${formatNs(wakes)}, × ${rate("wakes")}`,
    target: "≤ 0.7 and ≤ 0.25 of those; all counted",
    met: ours.median <= 0.7 * ships.median && ours.median <= 0.25 * wakes.median && wrong === 0,
    basis,
  }, {
    what: "CPU of a watched server, a request",
    ours: formatNs(medianInterval(added("watched", false))),
    alternative: `the first program: ${formatNs(medianInterval(pairsNs))}, with its reader ${
      formatNs(pairs)
    }, × ${rate("pairs")}; ours − that: ${formatNs(more)}`,
    target: "not more than the first program, by the interval",
    met: more.low <= 0,
    basis,
  }, {
    what: "CPU of a server beside one that is watched, a request",
    ours: formatNs(unwatched),
    alternative: "",
    target: "0 within its interval, or ≤ 3 %",
    met: unwatched.low <= 0 || unwatched.median <= 0.03 * baseNs,
    basis,
  }];
}

function formatNs(interval: Interval): string {
  return formatInterval(interval, " ns", 0);
}
