import { repositoryRoot } from "../../scripts/command.ts";
import type { Figure } from "./figure.ts";
import { openWatch } from "./http_watchers.ts";
import { startPinned } from "./machine.ts";
import { formatInterval, medianInterval } from "./statistics.ts";

const rounds = 7;
const connections = 10_000;
const program = `${repositoryRoot}/tests/programs/http_pairs.py`;

/** What the state of connections takes of the kernel's memory: a request is in flight on each of them. */
export const httpMemory: Figure = { name: "http_memory", measure };

async function measure() {
  const watched: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const base = await grownBytes(false);
    watched.push((await grownBytes(true) - base) / 1e6);
  }
  const megabytes = medianInterval(watched);
  return [{
    what: `Kernel memory of ${connections.toLocaleString("en")} watched connections`,
    ours: formatInterval(megabytes, " MB"),
    alternative: "",
    target: "≤ 5 MB",
    met: megabytes.median <= 5,
    basis: `${rounds} pairs with and without a watch: growth of the kernel's small objects, SUnreclaim`,
  }];
}

/** How much the kernel's small objects grow when a request comes on each connection, with the process watched or not. */
async function grownBytes(isWatched: boolean): Promise<number> {
  const script = 'ulimit -n "$(ulimit -Hn)" && exec python3 "$@"';
  const command = ["sh", "-c", script, "sh", program, `${connections / 2}`];
  await using pairs = startPinned(command, { cpu: 1 });
  await pairs.expect(/ready/);
  const { programs } = await openWatch(isWatched ? pairs.pid : 1, 0);
  try {
    const before = kernelMemoryBytes();
    await pairs.send("go");
    await pairs.expect(/done/);
    return kernelMemoryBytes() - before;
  } finally {
    await programs.close();
  }
}

function kernelMemoryBytes(): number {
  return Number(/^SUnreclaim:\s+(\d+) kB/m.exec(Deno.readTextFileSync("/proc/meminfo"))![1]) * 1024;
}
