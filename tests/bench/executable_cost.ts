import { repositoryRoot, runCommand } from "../../scripts/command.ts";
import type { Figure } from "./figure.ts";
import { readMemoryMib, sleep, stakeout, startPinned, withFolder } from "./machine.ts";
import { formatInterval, medianInterval } from "./statistics.ts";

const pairs = 15;
/** After the agent has given back what only its start needed. */
const idleMs = 20_000;
const executable = `${repositoryRoot}/dist/stakeout`;

const policy = `apiVersion: stakeout/v1
kind: Policy
metadata: { name: bench }
target: { exe: "/nowhere" }
rules: [{ metric: process_cpu, threshold: 90% }]
start: [on_cpu]
`;

/** What the executable costs, next to the source tree under the same Deno: size, start, first snapshot, idle memory. */
export const executableCost: Figure = {
  name: "executable",
  measure: () => withFolder(measure),
};

async function measure(folder: string) {
  await runCommand(`${repositoryRoot}/scripts/deno`, [
    "run",
    "-A",
    `${repositoryRoot}/scripts/build.ts`,
    "--runtime=deno",
  ]);
  await Deno.writeTextFile(`${folder}/policy.yaml`, policy);
  const watch = ["watch", "-f", `${folder}/policy.yaml`, "-o", `${folder}/tasks`];
  const times = { start: [[], []], snapshot: [[], []] } as Record<"start" | "snapshot", [number[], number[]]>;
  const memory: number[] = [];
  for (const [way, command] of [[executable], stakeout].entries()) {
    await using agent = startPinned([...command, ...watch], { cpu: 0, read: "stderr" });
    await agent.expect(/^watching \d+ processes/);
    await sleep(idleMs);
    memory[way] = readMemoryMib(agent.pid, "VmRSS");
  }
  for (let pair = 0; pair < pairs; pair++) {
    for (const [way, command] of [[executable], stakeout].entries()) {
      times.start[way]!.push(await timeUntil([...command, "version"], "stdout", /^stakeout /));
      times.snapshot[way]!.push(await timeUntil([...command, ...watch], "stderr", /^watching \d+ processes/));
    }
  }
  const basis = `${pairs} pairs on one CPU, unpacked before`;
  const megabytes = (await Deno.stat(executable)).size / 1e6;
  const [start, snapshot] = [times.start, times.snapshot].map((both) => both.map(medianInterval));
  const source = (figure: string) => `from source: ${figure}`;
  return [{
    what: "Size of the executable",
    ours: `${megabytes.toFixed(1)} MB`,
    alternative: "",
    target: "≤ 45 MB",
    met: megabytes <= 45,
    basis: "self-extracting",
  }, {
    what: "Start to the answer of `version`",
    ours: formatInterval(start![0]!, " ms", 0),
    alternative: source(formatInterval(start![1]!, " ms", 0)),
    target: "≤ 150 ms",
    met: start![0]!.median <= 150,
    basis,
  }, {
    what: "Start to the first snapshot of `watch`",
    ours: formatInterval(snapshot![0]!, " ms", 0),
    alternative: source(formatInterval(snapshot![1]!, " ms", 0)),
    target: "≤ 500 ms",
    met: snapshot![0]!.median <= 500,
    basis,
  }, {
    what: "Memory of an idle agent, RSS",
    ours: `${memory[0]!.toFixed(0)} MiB`,
    alternative: source(`${memory[1]!.toFixed(0)} MiB`),
    target: "≤ 70 MB",
    met: memory[0]! * 1.048576 <= 70,
    basis: `${idleMs / 1000} s after it began to watch`,
  }];
}

async function timeUntil(command: string[], read: "stdout" | "stderr", line: RegExp): Promise<number> {
  const startMs = performance.now();
  await using program = startPinned(command, { cpu: 0, read });
  await program.expect(line);
  return performance.now() - startMs;
}
