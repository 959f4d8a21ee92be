import assert from "node:assert/strict";
import { listTree } from "./bpf_objects.ts";
import { type RunningStakeout, startStakeout } from "./stakeout.ts";

/** The three processes of `stakeout up`. The first is killed when the scope ends, and the others end with it. */
export interface RunningUp {
  readonly up: RunningStakeout;
  readonly agentPid: number;
  readonly serverPid: number;
}

/** The command line of `up` with a state folder of the test's own. */
export function upArguments(state: string, listen = "127.0.0.1:0"): string[] {
  return ["up", "--state", state, "--listen", listen, "--no-open"];
}

/** Starts `up`, under another command if one is given, and waits until it watches. */
export async function startUp(state: string, under: readonly string[] = []): Promise<RunningUp> {
  const up = startStakeout(upArguments(state), { under });
  await up.waitForLine(/^ready: open http/);
  const find = (name: string) => {
    const pid = listTree(up.pid).find((pid) => readCommandLine(pid).includes(`\0${name}\0--lifeline\0`));
    assert.ok(pid !== undefined, `up has no ${name}`);
    return pid;
  };
  return { up, agentPid: find("agent"), serverPid: find("server") };
}

/** The arguments of a process, a NUL after each; `""` when it is gone. */
function readCommandLine(pid: number): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`);
  } catch {
    return "";
  }
}
