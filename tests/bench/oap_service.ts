/** Plays an OAP with one policy for the bench's sleepers; says `listening on PORT`, ends when it is killed. */
import { OapPlayer } from "../skywalking/oap_player.ts";

const [service = ""] = Deno.args;
const oap = await OapPlayer.start();
const item = (threshold: string) => ({ Threshold: threshold, Period: 60, Count: 30 });
oap.store.save(service, { ON_CPU: { PROCESS_CPU: item("90"), PROCESS_THREAD_COUNT: item("1000") } });
console.log(`listening on ${oap.port}`);
setInterval(() => {
  console.log(`meters ${oap.store.meters.length} processes ${oap.store.processes.size}`);
  oap.store.meters.length = 0;
}, 5_000);
