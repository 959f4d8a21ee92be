/**
 * Plays an OAP with one policy for the bench's sleepers; says `listening on PORT`, then at each line what has
 * arrived since the one before; ends when it is killed.
 */
import { OapPlayer } from "../skywalking/oap_player.ts";

const [service = ""] = Deno.args;
const oap = await OapPlayer.start();

oap.store.save(service, {
  ON_CPU: {
    PROCESS_CPU: { Threshold: "90", Period: 60, Count: 30 },
    PROCESS_THREAD_COUNT: { Threshold: "1000", Period: 60, Count: 30 },
  },
});
console.log(`listening on ${oap.port}`);
for await (const _ of Deno.stdin.readable) {
  console.log(`meters ${oap.store.meters.length} processes ${oap.store.processes.size}`);
  oap.store.meters.length = 0;
}
