/** Run by killed_loader_test.ts: loads and attaches what an agent does, says so, and waits to be killed. */
import { attach } from "../../../lib/bpf/link.ts";
import { openBuilt, sleep } from "../harness.ts";
import { Sampler } from "../sampler.ts";

const object = openBuilt("process");
await object.load();
attach(object.program("read_processes"));
await Sampler.start([Deno.pid], 99);
console.log("ready");
await sleep(60_000);
