import { parseElf, toFileOffset } from "../../lib/elf/elf.ts";
import { findFunctions } from "../../lib/elf/find_functions.ts";
import { openInOwnRoot } from "../../lib/sys/open_in_root.ts";
import { attachUprobes } from "../../lib/bpf/uprobe.ts";
import { silentLogger } from "../../lib/log.ts";
import type { TlsPrograms } from "../../src/agent/tls/tls_libraries.ts";
import { TlsMonitor } from "../../src/agent/tls/tls_monitor.ts";
import { tlsFunctions } from "../../src/agent/tls/tls_places.ts";
import { makeCertificate } from "../support/certificate.ts";
import type { Figure } from "./figure.ts";
import { openWatch } from "./http_watchers.ts";
import { readThreadTimes, sleep, usedNs, withFolder } from "./machine.ts";
import { loadConnections, loadNginx, startNginx } from "./nginx.ts";
import { formatInterval, medianInterval } from "./statistics.ts";

const rounds = 8;
const runSeconds = 2;

/**
 * Nobody watched; another server watched, by probes of its own or by those of all; watched where it is cheap; watched at the
 * exported functions.
 */
const modes = ["none", "beside", "besideShared", "watched", "naive"] as const;
type Mode = typeof modes[number];

interface Run {
  serverNs: number;
  perSecond: number;
  wrong: number;
}

/** What it costs a busy nginx to have its TLS read, against probes on SSL_read and SSL_write themselves. */
export const tlsCost: Figure = { name: "tls", measure: () => withFolder(measure) };

async function measure(folder: string) {
  const certificate = await makeCertificate(folder);
  await using nginx = await startNginx(folder, certificate);
  await Deno.mkdir(`${folder}/other`);
  await using other = await startNginx(`${folder}/other`, certificate);
  const { perSecond: usualPerSecond } = await loadNginx(nginx.url, runSeconds);
  async function run(mode: Mode): Promise<Run> {
    const isWatched = mode === "watched" || mode === "naive";
    const pid = isWatched ? nginx.pid : other.pid;
    await using watcher = mode === "none" ? undefined : await watchTls(pid, usualPerSecond, mode);
    await sleep(200);
    const before = readThreadTimes(nginx.pid);
    const { requests, perSecond } = await loadNginx(nginx.url, runSeconds);
    const after = readThreadTimes(nginx.pid);
    await sleep(20);
    const counted = isWatched ? watcher!.requests() : requests;
    return {
      serverNs: usedNs(before, after) / requests,
      perSecond,
      wrong: counted < requests ? requests - counted : Math.max(0, counted - requests - loadConnections),
    };
  }
  const results = new Map<Mode, Run[]>(modes.map((mode) => [mode, []]));
  for (let round = 0; round < rounds; round++) {
    for (const mode of round % 2 === 0 ? modes : modes.toReversed()) results.get(mode)!.push(await run(mode));
  }
  return makeRows(results);
}

function makeRows(results: ReadonlyMap<Mode, Run[]>) {
  const base = results.get("none")!;
  const added = (mode: Mode) =>
    formatInterval(
      medianInterval(results.get(mode)!.map((run, round) => run.serverNs - base[round]!.serverNs)),
      " ns",
      0,
    );
  const rate = (mode: Mode, of: readonly Run[]) =>
    medianInterval(results.get(mode)!.map((run, round) => run.perSecond / of[round]!.perSecond));
  const cell = (mode: Mode) => `${added(mode)}, throughput × ${formatInterval(rate(mode, base), "")}`;
  const wrong = Math.max(...results.get("watched")!.map((one) => one.wrong));
  const gain = rate("watched", results.get("naive")!);
  return [{
    what: "CPU of reading a server's TLS, a request",
    ours: `${cell("watched")}; ${wrong} counted wrong; a server beside it: ${
      cell("beside")
    }; where they share probes: ${cell("besideShared")}`,
    alternative: `probes on SSL_read and SSL_write: ${cell("naive")}`,
    target: "throughput ≥ 2 × the alternative's; all counted",
    met: gain.median >= 2 && wrong === 0,
    basis: `${rounds} rounds of ${runSeconds} s, nginx on CPU 1, wrk on CPU 0, ${
      Math.round(medianInterval(base.map(({ serverNs }) => serverNs)).median)
    } ns of CPU a request when nobody watches; × ${formatInterval(gain, "")} of the alternative`,
  }];
}

async function watchTls(pid: number, perSecond: number, mode: Exclude<Mode, "none">) {
  const { programs, places, number, cursor } = await openWatch(pid, perSecond);
  places.setTls(number, true);
  const tls = new TlsMonitor(programs.tls!, silentLogger);
  const links = mode === "naive" ? await attachNaively(programs.tls!) : [];
  if (mode !== "naive") tls.follow(`${pid}`, pid);
  if (mode === "besideShared") tls.readChildren(`${pid}`);
  await tls.settled();
  return {
    requests: () => cursor.read()?.requests ?? 0,
    async [Symbol.asyncDispose]() {
      for (const link of links) await link.close();
      await tls.close();
      await programs.close();
    },
  };
}

/** Probes on the exported functions, whatever they begin with. */
async function attachNaively({ enter, atReturn }: TlsPrograms) {
  const file = openInOwnRoot("/usr/lib/x86_64-linux-gnu/libssl.so.3")!;
  const elf = parseElf(file)!;
  const found = await findFunctions(file, elf, ["SSL_read", "SSL_write"]);
  const places = [...found].map(([name, { address }]) => ({
    fileOffset: toFileOffset(elf, address)!,
    cookie: name === "SSL_read" ? tlsFunctions.read : tlsFunctions.write,
  }));
  const path = `/proc/self/fd/${file.fd}`;
  const links = [
    await attachUprobes(atReturn, { path, places, atReturn: true }),
    await attachUprobes(enter, { path, places, atReturn: false }),
  ];
  file.close();
  return links;
}
