import type { Libbpf } from "../../lib/bpf/libbpf.ts";
import type { Logger } from "../../lib/log.ts";
import type { KernelClock } from "../../lib/sys/kernel_clock.ts";
import type { LiveProcess } from "../agent/discovery.ts";
import { NetworkProfiler } from "../agent/network/network_profiler.ts";
import { NetworkSession } from "../agent/network/network_session.ts";
import { isAlive, type OnProgress } from "./build_profiler.ts";
import { readBuiltFile } from "./built_file.ts";

/**
 * Makes the network profiler of this executable.
 *
 * @param parts.processes All user processes of the host, as they are now.
 */
export function buildNetworkProfiler(parts: {
  libbpf: Libbpf;
  clock: KernelClock;
  logger: Logger;
  processes: () => Iterable<LiveProcess>;
  onProgress?: OnProgress;
}): NetworkProfiler {
  const { libbpf, ...rest } = parts;
  return new NetworkProfiler({
    openSession: () => NetworkSession.open(libbpf, readBuiltFile("bpf/network.bpf.o")),
    isAlive,
    ...rest,
  });
}
