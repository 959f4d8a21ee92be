/** Counts known sleeps of a target of its own, and writes what it saw as JSON: to be run in a pid namespace. */
import { WaitState } from "../../../src/gen/stakeout/v1/profile_pb.ts";
import { BlockTarget } from "../block_target.ts";
import { openOffCpu } from "../open_off_cpu.ts";

await using target = await BlockTarget.start("sleep", 23, 5);
const session = await openOffCpu([target.pid]);
await target.work();
await session.detach();
const { samples } = session.read();
await session.close();
const sleeping = samples.filter(({ wait, weight }) => wait?.state === WaitState.SLEEPING && weight > 0);
console.log(JSON.stringify({
  pid: target.pid,
  pids: [...new Set(sleeping.map(({ pid, tid }) => [pid, tid]).flat())],
  waits: sleeping.reduce((sum, { events }) => sum + events, 0),
}));
