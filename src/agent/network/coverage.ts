import type { Process } from "../../model/process.ts";
import type { LiveProcess } from "../discovery.ts";
import { isGone, type NetworkSession } from "./network_session.ts";

/** Most processes of one task: each costs a look at its open files when it is first covered. */
const maxProcesses = 4096;

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

  /** Processes beyond the limit, which are not covered. */
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
    // A number is never used again: connections keep it beyond the process's end.
    const number = this.#byNumber.size + 1;
    this.#byId.set(live.process.id, { live, number });
    this.#byNumber.set(number, live);
    this.#onCovered(live);
    try {
      await this.#session.cover(live.process.pid, live.row.tgid, number);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }
}

function instanceKey({ service, instance }: Process): string {
  return `${service}\n${instance}`;
}
