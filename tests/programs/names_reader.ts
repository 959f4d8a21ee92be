/** Prints what a symbolizer makes of an address: names_reader.ts PID ADDRESS. */
import { readMapsText } from "../../lib/procfs/maps.ts";
import { readStat } from "../../lib/procfs/process.ts";
import { Symbolizer } from "../../lib/symbol/symbolizer.ts";

const [pid, address] = Deno.args.map(Number) as [number, number];
const symbolizer = new Symbolizer();
await symbolizer.capture({ pid, startTicks: readStat(pid)!.startTicks, maps: await readMapsText(pid) });
const [frame] = await symbolizer.symbolize(pid, "user", BigUint64Array.of(BigInt(address)));
console.log(JSON.stringify({ function: frame!.function, module: frame!.module }));
symbolizer.close();
