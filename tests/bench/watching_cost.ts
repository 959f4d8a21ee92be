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
const slices = 12;
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
  await using sleepers = startPinned([sleeper, String(processes)], { cpu: 1 });
  await sleepers.expect(/ready/);
  const files = ["-f", `${folder}/policy.yaml`, "-o", `${folder}/tasks`, "--state", `${folder}/state`];
  await using agent = startPinned([...stakeout, "watch", ...files], { cpu: 0, read: "stderr" });
  const script = new URL("proc_reader.ts", import.meta.url).pathname;
  await using reader = startPinned([`${repositoryRoot}/scripts/deno`, "run", "-A", script], { cpu: 1 });
  const watching = Number((await agent.expect(/watching (\d+) processes/))[1]);
  await reader.expect(/ready/);
  await sleep(5000);
  const { ours, theirs } = await sample(agent.pid, reader.pid);
  const cpu = medianInterval(ours);
  const memory = [agent, reader].map(({ pid }) => readMemoryMib(pid, "VmRSS"));
  const peak = readMemoryMib(agent.pid, "VmHWM");
  const basis = `${slices} slices of ${sliceMs / 1000} s, ${watching} watched at 1 Hz`;
  return [{
    what: "CPU of watching, % of one core",
    ours: formatInterval(cpu, " %"),
    alternative: `only reading /proc/PID/stat: ${formatInterval(medianInterval(theirs), " %")}`,
    target: "≤ 0.5 %",
    met: cpu.median <= 0.5 && watching >= processes,
    basis,
  }, {
    what: "Memory of watching, RSS",
    ours: `${memory[0]!.toFixed(0)} MiB, peak ${peak.toFixed(0)} MiB`,
    alternative: `only reading /proc/PID/stat: ${memory[1]!.toFixed(0)} MiB`,
    target: "≤ 120 MB",
    met: memory[0]! * 1.048576 <= 120,
    basis,
  }];
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
