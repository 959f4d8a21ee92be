import type { Libbpf } from "../../lib/bpf/libbpf.ts";
import { Discovery, type LiveProcess } from "../agent/discovery.ts";
import { readBootId, readHostName } from "../agent/host.ts";
import { processLayout, ProcessSnapshots } from "../agent/probe/process_snapshot.ts";
import { ProcessTable } from "../agent/process_table.ts";
import type { Config } from "../model/config.ts";
import { readBuiltFile } from "./built_file.ts";

const everyMs = 1_000;

/** The user processes of this host with their services, for a command that has no agent: looked at every second. */
export class HostProcesses {
  readonly #snapshots: ProcessSnapshots;
  readonly #discovery: Discovery;
  #timer: ReturnType<typeof setInterval> | undefined;

  private constructor(snapshots: ProcessSnapshots, config: Config) {
    this.#snapshots = snapshots;
    this.#discovery = new Discovery({
      table: new ProcessTable(processLayout),
      bootId: readBootId(),
      host: readHostName(),
      overrides: config.services,
      ownPids: [Deno.pid],
    });
  }

  /** @throws {BpfError} or {@linkcode NotSupportedError} when this host cannot. */
  static async open(libbpf: Libbpf, config: Config): Promise<HostProcesses> {
    const snapshots = await ProcessSnapshots.open(libbpf, readBuiltFile("bpf/process.bpf.o"));
    const processes = new HostProcesses(snapshots, config);
    processes.#look();
    await processes.#discovery.readAll();
    processes.#timer = setInterval(() => processes.#look(), everyMs);
    return processes;
  }

  values(): Iterable<LiveProcess> {
    return this.#discovery.values();
  }

  get(pid: number): LiveProcess | undefined {
    return this.#discovery.get(pid);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#snapshots.close();
  }

  #look(): void {
    const { atBootNs, records } = this.#snapshots.read();
    this.#discovery.update(atBootNs, records);
    this.#discovery.takeChanges();
  }
}
