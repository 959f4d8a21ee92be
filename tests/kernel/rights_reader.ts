/** Run by feature_test.ts with few rights: prints what works. */
import { FeatureProbe, features } from "../../lib/bpf/feature.ts";
import { BpfIterator } from "../../lib/bpf/iterator.ts";
import { attach } from "../../lib/bpf/link.ts";
import { HttpPrograms } from "../../src/agent/http/http_programs.ts";
import { NetworkSession } from "../../src/agent/network/network_session.ts";
import { TlsLibraries } from "../../src/agent/tls/tls_libraries.ts";
import { repositoryRoot } from "../../scripts/command.ts";
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
await report("tls", async () => {
  const programs = await HttpPrograms.open(
    libbpf,
    Deno.readFileSync(`${repositoryRoot}/build/bpf/http.bpf.o`),
  );
  const libraries = new TlsLibraries(programs.tls!);
  const path = "/usr/lib/x86_64-linux-gnu/libssl.so.3";
  const mapping = { path, inode: Deno.statSync(path).ino!, deviceMajor: 0, deviceMinor: 0, deleted: false };
  const place = { start: 0, end: 4096, offset: 0, executable: true };
  const user = { id: "own", pid: Deno.pid, forks: false };
  const { probed, reason } = await libraries.use(user, { ...mapping, ...place });
  await libraries.close();
  await programs.close();
  if (!probed) throw new Error(reason);
}, "ok");
await report("network", async () => {
  const session = await NetworkSession.open(
    libbpf,
    Deno.readFileSync(`${repositoryRoot}/build/bpf/network.bpf.o`),
  );
  await session.cover(Deno.pid, Deno.pid, 1);
  session.readSockets();
  session.readListeners();
  await session.close();
}, "ok");
