import type { Figure, FigureRow } from "./figure.ts";
import { buildProgram, sleep, stakeout, startPinned, waitUntil, withFolder } from "./machine.ts";
import { formatInterval, medianInterval } from "./statistics.ts";

const rounds = 9;
const sliceSeconds = 1;
const minimumMicroseconds = 1_000;
const rates = [{ perSecond: 5_000, mostPercent: 2 }, { perSecond: 100_000, mostPercent: 5 }] as const;

type Profiler = "none" | "stakeout" | "offcputime";

/** What a program that switches so often loses by an off-CPU profile, ours and that of libbpf-tools' `offcputime`. */
export const offCpuCost: Figure = {
  name: "off_cpu",
  measure: () =>
    withFolder(async (folder) => {
      const program = await buildProgram("programs/switcher.c", folder, "bench-switcher");
      const rows: FigureRow[] = [];
      for (const rate of rates) rows.push(await measure(program, folder, rate));
      return rows;
    }),
};

async function measure(
  program: string,
  folder: string,
  { perSecond, mostPercent }: typeof rates[number],
): Promise<FigureRow> {
  await using switcher = startPinned([program, String(perSecond), String(sliceSeconds)], { cpu: 1 });
  await switcher.expect(/ready/);
  const seen: number[] = [];
  /** Units of work in a second of CPU time, so that what else runs does not count. */
  async function run(profiler: Profiler): Promise<number> {
    await using _running = await startProfiler(profiler, switcher.pid, folder);
    await switcher.send("run");
    const [, units, switches] = await switcher.expect(/^units ([\d.]+) switches (\d+)/);
    seen.push(Number(switches));
    return Number(units);
  }
  await run("none");
  const lost = { stakeout: [] as number[], offcputime: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    const order: Profiler[] = ["none", "stakeout", "offcputime"];
    if (round % 2 === 1) order.reverse();
    const units = { none: 0, stakeout: 0, offcputime: 0 };
    for (const profiler of order) units[profiler] = await run(profiler);
    for (const profiler of ["stakeout", "offcputime"] as const) {
      lost[profiler].push((1 - units[profiler] / units.none) * 100);
    }
  }
  const ours = medianInterval(lost.stakeout);
  const difference = medianInterval(lost.stakeout.map((one, round) => one - lost.offcputime[round]!));
  const rate = medianInterval(seen).median;
  return {
    what: `Throughput lost to an off-CPU profile at ${perSecond.toLocaleString("en")} switches a second`,
    ours: formatInterval(ours, " %"),
    alternative: `offcputime (libbpf-tools): ${formatInterval(medianInterval(lost.offcputime), " %")}; ` +
      `ours − offcputime: ${formatInterval(difference, " points")}`,
    target: `≤ ${mostPercent} % and ≤ offcputime`,
    // Noise is not judged: ours is dearer only where the whole interval is.
    met: ours.median <= mostPercent && difference.low <= 0,
    basis: `${rounds} rounds of ${sliceSeconds} s each, by CPU time, interleaved, waits from 1 ms on; ` +
      `${Math.round(rate).toLocaleString("en")} switches a second seen`,
  };
}

async function startProfiler(
  profiler: Profiler,
  pid: number,
  folder: string,
): Promise<AsyncDisposable | undefined> {
  if (profiler === "none") return undefined;
  const minimum = String(minimumMicroseconds);
  const theirs = ["offcputime", "-p", String(pid), "-m", minimum];
  const flags = ["--off-cpu", "--minimum", `${minimumMicroseconds / 1_000}ms`];
  const record = [...stakeout, "record", "--pid", String(pid), ...flags, "--for", "60s"];
  const command = profiler === "offcputime" ? theirs : [...record, "-o", `${folder}/profile.pb.gz`];
  const program = startPinned(command, { cpu: 0, read: "stderr" });
  await waitUntil(() => countTracingLinks(program.pid) > 0, `${profiler} starts`);
  await sleep(300);
  return {
    [Symbol.asyncDispose]: () => program.end("SIGINT"),
  };
}

/** Programs that a process has on hooks of the kernel. */
function countTracingLinks(pid: number): number {
  let links = 0;
  for (const { name } of Deno.readDirSync(`/proc/${pid}/fdinfo`)) {
    try {
      const text = Deno.readTextFileSync(`/proc/${pid}/fdinfo/${name}`);
      if (/^link_type:\s*(tracing|raw_tracepoint)/m.test(text)) links++;
    } catch {
      // It was closed meanwhile.
    }
  }
  return links;
}
