import type { Figure } from "./figure.ts";
import { buildProgram, stakeout, startPinned, withFolder } from "./machine.ts";

const seconds = 16;
const leastSamples = 12_000;

/** Samples by the function at the top of the stack. */
interface Shares {
  total: number;
  functions: Map<string, number>;
}

/** Whether our shares of functions are perf's, both taken of the same program at the same time. */
export const profileTruth: Figure = {
  name: "truth",
  measure: () => withFolder(measure),
};

async function measure(folder: string) {
  const program = await buildProgram("programs/shares.c", folder, "bench-shares");
  await using target = startPinned([program], { cpu: 1 });
  await target.expect(/ready/);
  const perfFlags = ["-q", "-F", "999", "-g", "-p", `${target.pid}`, "-o", `${folder}/perf.data`];
  await using perf = startPinned(["perf", "record", ...perfFlags], { cpu: 0 });
  const flags = [
    "--pid",
    `${target.pid}`,
    "--frequency",
    "999",
    "--for",
    `${seconds}s`,
    "-o",
    `${folder}/x.folded`,
  ];
  await using record = startPinned([...stakeout, "record", ...flags], { cpu: 0, read: "stderr" });
  const counts = await record.expect(/(\d+) samples taken, (\d+) stored, (\d+) lost/);
  await perf.end("SIGINT");
  const [taken, stored, lost] = counts.slice(1).map(Number) as [number, number, number];
  const ours = readFolded(await Deno.readTextFile(`${folder}/x.folded`));
  const theirs = await readPerf(`${folder}/perf.data`);
  const top = [...theirs.functions].toSorted((one, other) => other[1] - one[1]).slice(0, 10);
  const worst = top.map(([name, count]) => compare(name, count / theirs.total, ours, theirs)).toSorted((
    one,
    other,
  ) => other.points - one.points)[0]!;
  return [{
    what: "Share of a function, top 10",
    ours: `furthest from perf's: ${worst.name}, ${worst.points.toFixed(2)} points`,
    alternative: `perf record -F 999 -g: 3 standard errors are ${worst.allowedPoints.toFixed(2)} points`,
    target: "≤ 2 points or 3 standard errors",
    met: taken === stored + lost && stored === ours.total &&
      worst.points <= Math.max(2, worst.allowedPoints) &&
      Math.min(ours.total, theirs.total) >= leastSamples,
    basis:
      `${ours.total} samples, perf ${theirs.total}, at the same time; ${taken} taken = ${stored} stored + ${lost} lost`,
  }];
}

function compare(name: string, share: number, ours: Shares, theirs: Shares) {
  const ownShare = (ours.functions.get(name) ?? 0) / ours.total;
  const mean = (share + ownShare) / 2;
  const standardError = Math.sqrt(mean * (1 - mean) * (1 / ours.total + 1 / theirs.total));
  return { name, points: Math.abs(share - ownShare) * 100, allowedPoints: 300 * standardError };
}

function readFolded(text: string): Shares {
  const shares: Shares = { total: 0, functions: new Map() };
  for (const [, leaf, weight] of text.matchAll(/^(?:.*;)?([^;\n]+) (\d+)$/gm)) {
    add(shares, leaf!, Number(weight));
  }
  return shares;
}

async function readPerf(file: string): Promise<Shares> {
  const { stdout } = await new Deno.Command("perf", {
    args: ["report", "-i", file, "--no-children", "-g", "none", "--stdio", "-t", ";", "-F", "sample,sym"],
    stderr: "null",
  }).output();
  const shares: Shares = { total: 0, functions: new Map() };
  for (
    const [, weight, symbol] of new TextDecoder().decode(stdout).matchAll(/^\s*(\d+)\s*;\[[.k]\] (.+?)\s*$/gm)
  ) {
    add(shares, symbol!, Number(weight));
  }
  return shares;
}

/** Compilers' suffixes and the mark of kernel frames differ between tools. */
function add(shares: Shares, symbol: string, weight: number): void {
  const name = symbol.replace(/_\[k\]$|^\[k\] /, "").replace(/\.(isra|part|constprop|cold)\.?\d*$/, "");
  shares.total += weight;
  shares.functions.set(name, (shares.functions.get(name) ?? 0) + weight);
}
