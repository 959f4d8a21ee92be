import process from "node:process";
import { NetworkRecorder, sumEdges } from "../kernel/network_recorder.ts";
import type { Figure } from "./figure.ts";
import { readThreadTimes, sleep, usedNs, withFolder } from "./machine.ts";
import { loadConnections, loadNginx, startNginx } from "./nginx.ts";
import { formatInterval, medianInterval } from "./statistics.ts";

const rounds = 10;
const runSeconds = 2;
const modes = ["none", "beside", "covered"] as const;
type Mode = typeof modes[number];

/** What one run cost. */
interface Run {
  /** CPU time of the server and of who records, a request. */
  serverNs: number;
  recorderNs: number;
  perSecond: number;
  /** Requests that were counted more or fewer than the client got. */
  wrong: number;
}

/** What it costs a busy nginx to be in a network profile, and one beside it. */
export const networkCost: Figure = { name: "network", measure: () => withFolder(measure) };

async function measure(folder: string) {
  await using nginx = await startNginx(folder);
  await loadNginx(nginx.url, runSeconds);
  const run = async (mode: Mode): Promise<Run> => {
    const recorder = mode === "none"
      ? undefined
      : await NetworkRecorder.start([mode === "covered" ? nginx.pid : Deno.pid]);
    await sleep(100);
    const [before, ownBefore] = [readThreadTimes(nginx.pid), process.cpuUsage()];
    const { requests, perSecond } = await loadNginx(nginx.url, runSeconds);
    const [after, own] = [readThreadTimes(nginx.pid), process.cpuUsage(ownBefore)];
    const recorded = await recorder?.stop();
    const counts = mode === "covered" ? Number(sumEdges(recorded!.profile).http?.requests ?? 0n) : requests;
    return {
      serverNs: usedNs(before, after) / requests,
      recorderNs: (own.user + own.system) * 1000 / requests,
      perSecond,
      wrong: counts < requests ? requests - counts : Math.max(0, counts - requests - loadConnections),
    };
  };
  const results = new Map<Mode, Run[]>(modes.map((mode) => [mode, []]));
  for (let round = 0; round < rounds; round++) {
    for (const mode of round % 2 === 0 ? modes : modes.toReversed()) results.get(mode)!.push(await run(mode));
  }
  const base = results.get("none")!;
  const added = (mode: Mode) =>
    medianInterval(results.get(mode)!.map(({ serverNs }, round) => serverNs - base[round]!.serverNs));
  const baseNs = medianInterval(base.map(({ serverNs }) => serverNs)).median;
  const [covered, beside] = [added("covered"), added("beside")];
  const recorder = medianInterval(
    results.get("covered")!.map(({ recorderNs }, round) => recorderNs - base[round]!.recorderNs),
  );
  const throughput = medianInterval(
    results.get("covered")!.map(({ perSecond }, round) => perSecond / base[round]!.perSecond),
  );
  const wrong = Math.max(...results.get("covered")!.map((one) => one.wrong));
  const share = (ns: number) => `${(100 * ns / baseNs).toFixed(1)} %`;
  const basis = `${rounds} rounds of ${runSeconds} s, nginx on CPU 1, wrk and who records on CPU 0, ${
    Math.round(baseNs)
  } ns of CPU a request without a task`;
  return [{
    what: "CPU of a server in a network profile, a request",
    ours: `${formatInterval(covered, " ns", 0)} (${share(covered.median)}); recorder ${
      formatInterval(recorder, " ns", 0)
    }; throughput × ${formatInterval(throughput, "")}; ${wrong} counted wrong`,
    alternative: "",
    target: "≤ 5 % of none; all counted",
    met: covered.median <= 0.05 * baseNs && wrong === 0,
    basis,
  }, {
    what: "CPU of a server beside one in a network profile, a request",
    ours: `${formatInterval(beside, " ns", 0)} (${share(beside.median)})`,
    alternative: "",
    target: "0 within its interval, or ≤ 3 %",
    met: beside.low <= 0 || beside.median <= 0.03 * baseNs,
    basis,
  }];
}
