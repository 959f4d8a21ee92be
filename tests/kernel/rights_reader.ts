/** Run by feature_test.ts with few rights: prints what works. */
import { FeatureProbe, features } from "../../lib/bpf/feature.ts";
import { BpfIterator } from "../../lib/bpf/iterator.ts";
import { attach } from "../../lib/bpf/link.ts";
import { libbpf, openBuilt } from "./harness.ts";
import { Sampler } from "./sampler.ts";

async function report(what: string, run: () => void | Promise<void>, success: string): Promise<void> {
  try {
    await run();
    console.log(`${what}: ${success}`);
  } catch (error) {
    console.log(`${what}: ${(error as Error).message}`);
  }
}

await report("features", () => new FeatureProbe(libbpf).require(...features), "all");
await report("process", async () => {
  const object = openBuilt("process");
  await object.load();
  const link = attach(object.program("read_processes"));
  if (new BpfIterator(link).read().length === 0) throw new Error("Nothing was read");
  await link.close();
  object.close();
}, "ok");
await report("on_cpu", async () => {
  const sampler = await Sampler.start([Deno.pid], 99);
  await sampler.detach();
  sampler.close();
}, "ok");
