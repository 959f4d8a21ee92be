import type { LiveProcess } from "../../src/agent/discovery.ts";

/** Makes a process as discovery would give it; its row may be written to. */
export function makeLive(pid: number, process: Partial<LiveProcess["process"]> = {}): LiveProcess {
  const startBootNs = 1e9 * pid;
  const row = {
    pid,
    startBootNs,
    tgid: pid,
    parentPid: 1,
    uid: 0,
    name: "test",
    threads: 1,
    runTimeNs: 0,
    usedNs: undefined,
  };
  return {
    row,
    process: {
      ...{
        id: `boot-${pid}`,
        pid,
        parentPid: 1,
        startBootNs,
        name: "test",
        exe: `/bin/test${pid}`,
        service: "test",
      },
      ...{ instance: "node-1", cgroup: "/", uid: 0, containerId: "", labels: {} },
      ...process,
    },
  };
}
