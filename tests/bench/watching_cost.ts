import { repositoryRoot } from "../../scripts/command.ts";
import type { Figure } from "./figure.ts";
import {
  buildProgram,
  readMemoryMib,
  readThreadTimes,
  sleep,
  stakeout,
  startPinned,
  usedNs,
  withFolder,
} from "./machine.ts";
import { formatInterval, medianInterval } from "./statistics.ts";

const processes = 200;
const slices = 4;
const sliceMs = 5000;

const policy = `apiVersion: stakeout/v1
kind: Policy
metadata: { name: bench }
target: { exe: "*/bench-sleeper" }
rules:
  - { metric: process_cpu, threshold: 90%, period: 60s, count: 30 }
  - { metric: process_thread_count, threshold: 1000, period: 60s }
  - { metric: system_load, threshold: 1000, period: 60s }
start: [on_cpu]
`;

/** What watching costs: the agent's CPU, its BPF programs' included, and its memory. */
export const watchingCost: Figure = {
  name: "watching",
  measure: () => withFolder(measure),
};

async function measure(folder: string) {
  const sleeper = await buildProgram("programs/sleepers.c", folder, "bench-sleeper");
  await Deno.writeTextFile(`${folder}/policy.yaml`, policy);
  const sleepers = startPinned([sleeper, String(processes)], { cpu: 1 });
  await sleepers.expect(/ready/);
  const agent = startPinned([...stakeout, "watch", "-f", `${folder}/policy.yaml`, "-o", `${folder}/tasks`], {
    cpu: 0,
  });
  const reader = startPinned(
    [`${repositoryRoot}/scripts/deno`, "run", "-A", new URL("proc_reader.ts", import.meta.url).pathname],
    { cpu: 1 },
  );
  try {
    const watching = Number((await agent.expect(/watching (\d[\d,]*) processes/))[1]?.replaceAll(",", ""));
    await reader.expect(/ready/);
    await sleep(5000);
    const { ours, theirs } = await sample(agent.pid, reader.pid);
    const memory = `${readMemoryMib(agent.pid, "VmRSS").toFixed(0)} MiB, peak ${
      readMemoryMib(agent.pid, "VmHWM").toFixed(0)
    } MiB`;
    const readerMemory = `${readMemoryMib(reader.pid, "VmRSS").toFixed(0)} MiB`;
    const basis = `${slices} slices of ${sliceMs / 1000} s, ${watching} watched at 1 Hz`;
    const cpu = medianInterval(ours);
    return [{
      what: "CPU of watching, % of one core",
      ours: formatInterval(cpu, " %"),
      alternative: `only reading /proc/PID/stat: ${formatInterval(medianInterval(theirs), " %")}`,
      target: "≤ 0.5 %",
      met: cpu.median <= 0.5 && watching >= processes,
      basis,
    }, {
      what: "Memory of watching, RSS",
      ours: memory,
      alternative: `only reading /proc/PID/stat: ${readerMemory}`,
      target: "≤ 120 MiB",
      met: readMemoryMib(agent.pid, "VmRSS") * 1.048576 <= 120,
      basis,
    }];
  } finally {
    await Promise.all([agent.end(), reader.end(), sleepers.end()]);
  }
}

async function sample(agentPid: number, readerPid: number): Promise<{ ours: number[]; theirs: number[] }> {
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let slice = 0; slice < slices; slice++) {
    const startMs = performance.now();
    const before = [readThreadTimes(agentPid), readThreadTimes(readerPid)] as const;
    await sleep(sliceMs);
    const elapsedNs = (performance.now() - startMs) * 1e6;
    ours.push(usedNs(before[0], readThreadTimes(agentPid)) / elapsedNs * 100);
    theirs.push(usedNs(before[1], readThreadTimes(readerPid)) / elapsedNs * 100);
  }
  return { ours, theirs };
}
