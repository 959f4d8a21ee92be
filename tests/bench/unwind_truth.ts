import { StackEnd } from "../../src/gen/stakeout/v1/profile_pb.ts";
import { compareWithPerf, didPerfGiveUp, isEqual, TestTables } from "../kernel/unwind_oracle.ts";
import type { Figure, FigureRow } from "./figure.ts";
import { withFolder } from "./machine.ts";
import {
  type BusyProgram,
  startBusyNginx,
  startBusyPostgres,
  startBusyRedis,
  startLibcUser,
} from "./servers_under_load.ts";

const stacks = 1000;
const limitMs = 180_000;
const leastShare = 0.99;

const programs: readonly [string, (folder: string) => Promise<BusyProgram>][] = [
  ["a libc-heavy program", startLibcUser],
  ["nginx", startBusyNginx],
  ["PostgreSQL", startBusyPostgres],
  ["redis", startBusyRedis],
];

/** Stacks of Debian's own builds next to those of perf's unwinder on the same interrupts. */
export const unwindTruth: Figure = {
  name: "unwind_truth",
  async measure() {
    const rows: FigureRow[] = [];
    for (const [name, start] of programs) {
      rows.push(await withFolder((folder) => measure(name, folder, start)));
    }
    return rows;
  },
};

async function measure(name: string, folder: string, start: (folder: string) => Promise<BusyProgram>) {
  await using tables = new TestTables();
  await using program = await start(folder);
  const all = await compareWithPerf(program.pid, tables, { stacks: 1.1 * stacks, limitMs });
  const compared = all.filter((stack) => !didPerfGiveUp(stack));
  const equal = compared.filter(isEqual).length;
  const whole = all.filter(({ end }) => end === StackEnd.WHOLE).length;
  const frames = all.reduce((sum, { ours }) => sum + ours.length, 0) / all.length;
  return {
    what: `User stacks of ${name}`,
    ours: `${percent(whole / all.length)} whole, ${percent(equal / compared.length)} as perf's`,
    alternative: `perf's DWARF unwinder on the same interrupts, which gave up on ${
      all.length - compared.length
    }`,
    target: "≥ 99 % each",
    met: compared.length >= stacks && whole >= leastShare * all.length &&
      equal >= leastShare * compared.length,
    basis: `${all.length} stacks of ${frames.toFixed(1)} frames`,
  };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
