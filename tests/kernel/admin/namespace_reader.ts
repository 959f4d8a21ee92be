/** Run by pid_namespace_test.ts inside a new pid namespace: prints what iterator, /proc and profiler say there. */
import { BpfIterator } from "../../../lib/bpf/iterator.ts";
import { attach } from "../../../lib/bpf/link.ts";
import { decodeProcessEvent, layouts } from "../../../src/gen/records.ts";
import { openBuilt, sleep, startTarget } from "../harness.ts";
import { Sampler } from "../sampler.ts";

const object = openBuilt("process");
await object.load();
const link = attach(object.program("read_processes"));
await using burner = await startTarget(Deno.args[0]!, "1");
const bytes = new BpfIterator(link).read();
const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
const iterator = [];
for (let offset = 0; offset < bytes.length; offset += layouts.process_event.size) {
  const { pid, parentPid, name } = decodeProcessEvent(view, offset);
  iterator.push({ pid, parentPid, name });
}
const proc = [...Deno.readDirSync("/proc")].filter((entry) => /^\d+$/.test(entry.name)).map((entry) => {
  const stat = Deno.readTextFileSync(`/proc/${entry.name}/stat`);
  const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
  const parentPid = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  return { pid: Number(entry.name), parentPid, name };
});
const sampler = await Sampler.start([burner.pid], 199);
await sleep(500);
await sampler.detach();
const sampledPids = [...new Set(sampler.read().map((sample) => sample.tgid))];
sampler.close();
console.log(JSON.stringify({ iterator, proc, sampledPids, burner: burner.pid }));
await link.close();
object.close();
