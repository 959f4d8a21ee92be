import process from "node:process";
import { parseElf } from "../../lib/elf/elf.ts";
import { openInOwnRoot } from "../../lib/sys/open_in_root.ts";
import { compileUnwindTable } from "../../lib/unwind/compile_unwind_table.ts";
import { repositoryRoot } from "../../scripts/command.ts";
import type { Figure } from "./figure.ts";
import { startPinned } from "./machine.ts";
import { formatInterval, medianInterval } from "./statistics.ts";

const pairs = 15;
const interpretations = 10;
const libraries = "/usr/lib/x86_64-linux-gnu";
const files = [`${libraries}/libc.so.6`, `${libraries}/libstdc++.so.6`, "/usr/sbin/nginx"];

/** What a child process takes for the unwind tables of three files, next to binutils that prints theirs. */
export const unwindTables: Figure = {
  name: "unwind_tables",
  measure,
};

async function measure() {
  const ours: number[] = [];
  const theirs: number[] = [];
  let size = { rows: 0, bytes: 0 };
  for (let pair = 0; pair < pairs; pair++) {
    const deno = [`${repositoryRoot}/scripts/deno`, "run", "-A", import.meta.filename!];
    await using child = startPinned(deno, { cpu: 0 });
    const [, cpuMs, rows, bytes] = await child.expect(/^([\d.]+) ms, (\d+) rows, (\d+) bytes$/);
    ours.push(Number(cpuMs));
    size = { rows: Number(rows), bytes: Number(bytes) };
    theirs.push(await interpretMs());
  }
  const cpu = medianInterval(ours);
  const bytesPerRow = size.bytes / size.rows;
  return [{
    what: "Unwind tables of libc, libstdc++ and nginx",
    ours: formatInterval(cpu, " ms", 0),
    alternative: `objdump --dwarf=frames-interp: ${formatInterval(medianInterval(theirs), " ms", 0)}`,
    target: "≤ 300 ms of one core",
    met: cpu.median <= 300,
    basis: `${pairs} pairs, each a new process`,
  }, {
    what: "Memory of an unwind table, bytes a row",
    ours: `${bytesPerRow.toFixed(2)}, ${(size.bytes / 1024).toFixed(0)} KiB in all`,
    alternative: "",
    target: "≤ 8",
    met: bytesPerRow <= 8,
    basis: `${size.rows} rows of those three`,
  }];
}

/** CPU time that binutils takes to interpret the same; the shell counts in hundredths of a second, hence several runs. */
async function interpretMs(): Promise<number> {
  const run = `taskset -c 0 objdump --dwarf=frames-interp ${files.join(" ")} >/dev/null`;
  const shell = `for run in $(seq ${interpretations}); do ${run}; done; times`;
  const { stdout } = await new Deno.Command("sh", { args: ["-c", shell] }).output();
  // The second line is of the shell's children: minutes and seconds, user and system.
  const words = new TextDecoder().decode(stdout).split("\n")[1]!.matchAll(/(\d+)m([\d.]+)s/g);
  const seconds = Array.from(words, ([, minutes, rest]) => 60 * Number(minutes) + Number(rest));
  return 1000 * seconds.reduce((sum, one) => sum + one, 0) / interpretations;
}

/** As a program it compiles the tables once, in a process whose code is cold. */
function compileAll(): void {
  const before = process.cpuUsage();
  let rows = 0;
  let bytes = 0;
  for (const path of files) {
    const source = openInOwnRoot(path);
    if (source === undefined) throw new Error(`Cannot open ${path}`);
    const elf = parseElf(source);
    const table = elf && compileUnwindTable(source, elf);
    source.close();
    if (table === undefined || "reason" in table) throw new Error(`${path} has no table`);
    rows += table.rows.length;
    bytes += table.rows.byteLength + table.pages.byteLength;
  }
  const { user, system } = process.cpuUsage(before);
  console.log(`${((user + system) / 1000).toFixed(1)} ms, ${rows} rows, ${bytes} bytes`);
}

if (import.meta.main) compileAll();
