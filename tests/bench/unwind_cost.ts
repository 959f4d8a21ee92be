import { openLibbpf } from "../../lib/bpf/libbpf.ts";
import { enableStats, readProgramStats } from "../../lib/bpf/stats.ts";
import { createLogger } from "../../lib/log.ts";
import { repositoryRoot, runCommand } from "../../scripts/command.ts";
import { TableBuilder } from "../../src/agent/unwind/table_builder.ts";
import { TableStore } from "../../src/agent/unwind/table_store.ts";
import { UserUnwinder } from "../../src/agent/unwind/user_unwinder.ts";
import { Sampler } from "../kernel/sampler.ts";
import type { Figure } from "./figure.ts";
import { buildProgram, sleep, stakeout, startPinned, withFolder } from "./machine.ts";
import { formatInterval, medianInterval } from "./statistics.ts";

const slices = 12;
const sliceMs = 1000;
/** The frames of `burn` below its calls to itself are 7. */
const calls = 13;
const profileSeconds = 10;
const profileHz = 999;
const pairs = 3;
const libbpf = openLibbpf(Deno.readFileSync(`${repositoryRoot}/build/libbpf.so`));

/** What unwinding by tables costs, next to frame pointers in the kernel and next to perf's copies of the stack. */
export const unwindCost: Figure = {
  name: "unwind",
  measure: () => withFolder(async (folder) => [await measureWalk(folder), await measureProfile(folder)]),
};

/** Two programs sample the same target at the same time: one has tables, the other has none. */
async function measureWalk(folder: string) {
  const burn = await buildProgram("../programs/burn.c", folder, "bench-burn");
  await using target = startPinned([burn, "1", String(calls)], { cpu: 1 });
  await target.expect(/ready/);
  const store = new TableStore(libbpf);
  const logger = createLogger({ format: "logfmt", level: "warn" });
  const builder = new TableBuilder({ command: [...stakeout, "table-child"], store, logger });
  const disableStats = enableStats(libbpf);
  const byFramePointers = await Sampler.start([target.pid], 499);
  const byTables = await Sampler.start([target.pid], 499);
  const unwinder = new UserUnwinder(byTables.object, [target.pid], {
    store,
    builder,
    logger,
    waitMs: 30_000,
  });
  try {
    await unwinder.start();
    const costs: { ours: number; theirs: number }[] = [];
    for (let slice = 0; slice < slices; slice++) {
      const [ours, theirs] = [costOf(byTables), costOf(byFramePointers)];
      await sleep(sliceMs);
      costs.push({ ours: ours(), theirs: theirs() });
    }
    byTables.read();
    const depths = [...byTables.stacks.values()].filter(({ kind }) => kind === 1)
      .map(({ addresses }) => addresses.length);
    const ratio = medianInterval(costs.map(({ ours, theirs }) => ours / theirs));
    return {
      what: "BPF run time of a sample, its user stack unwound by tables",
      ours: formatInterval(medianInterval(costs.map(({ ours }) => ours)), " µs", 1),
      alternative: `by frame pointers: ${
        formatInterval(medianInterval(costs.map(({ theirs }) => theirs)), " µs", 1)
      }; ${formatInterval(ratio, "×", 1)}`,
      target: "≤ 4×",
      met: ratio.median <= 4,
      basis: `${slices} slices of ${sliceMs / 1000} s, ${Math.max(...depths)} frames, both at 499 Hz at once`,
    };
  } finally {
    for (const sampler of [byTables, byFramePointers]) await sampler.detach();
    unwinder.close();
    for (const sampler of [byTables, byFramePointers]) sampler.close();
    disableStats();
    await builder.close();
    store.close();
  }
}

/** Run time in µs of each sample of the target from now on; runs for other processes are in it, and cost little. */
function costOf(sampler: Sampler): () => number {
  const { fd } = sampler.object.program("on_cpu");
  const { runTimeNs } = readProgramStats(libbpf, fd);
  const { taken } = sampler.counters();
  return () => {
    const used = readProgramStats(libbpf, fd).runTimeNs - runTimeNs;
    return used / 1000 / Math.max(1, sampler.counters().taken - taken);
  };
}

/** A profile of a program without frame pointers, from the command to the named stacks. */
async function measureProfile(folder: string) {
  const path = `${folder}/bench-unwind`;
  const source = `${repositoryRoot}/tests/programs/unwind_target.c`;
  await runCommand("gcc", ["-O2", "-fomit-frame-pointer", "-pthread", "-o", path, source]);
  await using target = startPinned([path, "libc"], { cpu: 1 });
  await target.expect(/ready/);
  const ours: number[] = [];
  const theirs: number[] = [];
  const output = `${folder}/profile`;
  const record = [
    "--pid",
    `${target.pid}`,
    "--for",
    `${profileSeconds}s`,
    "--format",
    "folded",
    "-o",
    output,
  ];
  const perf =
    `perf record -q -e cpu-clock -F ${profileHz} --call-graph dwarf -p ${target.pid} -o ${output} -- ` +
    `sleep ${profileSeconds} && perf script -i ${output}`;
  for (let pair = 0; pair < pairs; pair++) {
    ours.push(await cpuSeconds([...stakeout, "record", ...record]));
    theirs.push(await cpuSeconds(["sh", "-c", perf]));
  }
  const ratio = medianInterval(theirs.map((one, pair) => one / ours[pair]!));
  return {
    what: `CPU of a profile of ${profileSeconds} s with its report`,
    ours: formatInterval(medianInterval(ours), " s"),
    alternative: `perf record --call-graph dwarf, perf script: ${
      formatInterval(medianInterval(theirs), " s")
    }; ${formatInterval(ratio, "×", 1)}`,
    target: "≤ one tenth",
    met: ratio.median >= 10,
    basis: `${pairs} pairs, ${profileHz} Hz, a libc-heavy program without frame pointers`,
  };
}

/** CPU time of a command and all that it starts, on CPU 0; the shell counts in hundredths of a second. */
async function cpuSeconds(command: readonly string[]): Promise<number> {
  const { stdout, success, stderr } = await new Deno.Command("bash", {
    args: ["-c", 'TIMEFORMAT="%U %S"; { time taskset -c 0 "$@" >/dev/null 2>&1; } 2>&1', "bash", ...command],
  }).output();
  if (!success) throw new Error(`${command.join(" ")} failed: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout).trim().split(" ").reduce((sum, part) => sum + Number(part), 0);
}
