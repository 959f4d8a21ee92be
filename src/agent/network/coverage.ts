import { BpfError } from "../../../lib/bpf/error.ts";
import type { Process } from "../../model/process.ts";
import type { LiveProcess } from "../discovery.ts";
import { isGone, type NetworkSession } from "./network_session.ts";

/** Most processes of one task: each costs a look at its open files when it is first covered. */
const maxProcesses = 4096;
/** Most processes of one task that are told apart, ended ones among them. Each may have an edge for all that have none. */
const maxNumbers = 256;

/** Which processes a network profile covers: those of the task, and all others of their service instances on this host. */
export class Coverage {
  readonly #session: NetworkSession;
  readonly #processes: () => Iterable<LiveProcess>;
  readonly #targets: readonly Process[];
  readonly #onCovered: (live: LiveProcess) => void;
  readonly #instances: ReadonlySet<string>;
  readonly #byId = new Map<string, { live: LiveProcess; number: number }>();
  readonly #byNumber = new Map<number, LiveProcess>();
  #refused = 0;

  constructor(
    session: NetworkSession,
    options: {
      processes: () => Iterable<LiveProcess>;
      targets: readonly Process[];
      /** Called for each process once. */
      onCovered: (live: LiveProcess) => void;
    },
  ) {
    this.#session = session;
    this.#processes = options.processes;
    this.#targets = options.targets;
    this.#onCovered = options.onCovered;
    this.#instances = new Set(
      options.targets.filter(({ service }) => service !== "").map(instanceKey),
    );
  }

  /** Processes of the last update that found no room, and are not covered. */
  get refused(): number {
    return this.#refused;
  }

  /** Covers who is new, and leaves who is gone. */
  async update(): Promise<void> {
    const seen = new Set<string>();
    this.#refused = 0;
    for (const live of this.#processes()) {
      const { process } = live;
      if (!this.#instances.has(instanceKey(process)) && !this.#targets.some(({ id }) => id === process.id)) {
        continue;
      }
      seen.add(process.id);
      if (this.#byId.has(process.id)) continue;
      if (this.#byId.size >= maxProcesses) this.#refused++;
      else await this.#cover(live);
    }
    for (const [id, { live }] of this.#byId) {
      if (seen.has(id)) continue;
      this.#byId.delete(id);
      this.#session.uncover(live.row.tgid);
    }
  }

  /** A process that is or was covered. */
  process(number: number): LiveProcess | undefined {
    return this.#byNumber.get(number);
  }

  async #cover(live: LiveProcess): Promise<void> {
    const { process, row } = live;
    const number = this.#numberOf(live);
    this.#byId.set(process.id, { live, number });
    if (number > this.#byNumber.size) this.#byNumber.set(number, live);
    this.#onCovered(this.#byNumber.get(number)!);
    try {
      await this.#session.cover(process.pid, row.tgid, number);
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      if (!isGone(error)) this.#refused++;
    }
  }

  /**
   * A number of its own, which is never used again: connections keep it beyond the process's end. Beyond the limit that of its
   * parent, or of the task's first process: those that fork for each connection are counted together.
   */
  #numberOf({ process }: LiveProcess): number {
    if (this.#byNumber.size < maxNumbers) return this.#byNumber.size + 1;
    for (const { live, number } of this.#byId.values()) {
      if (live.process.pid === process.parentPid) return number;
    }
    return 1;
  }
}

function instanceKey({ service, instance }: Process): string {
  return `${service}\n${instance}`;
}
