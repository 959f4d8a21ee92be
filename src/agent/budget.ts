/** What the agent itself costs. */
export interface Cost {
  /** All its threads, % of one core, mean over the interval measured. */
  readonly cpuPercent: number;
  readonly rssBytes: number;
}

/** Reads the agent's own use so far: CPU time of all threads since its start, memory now. */
export type ReadUse = () => { cpuNs: number; rssBytes: number };

/** Beyond these no task is started: the agent must not add to the trouble of a sick host. */
export const budgetLimits = { cpuPercent: 30, rssBytes: 384 * 1024 * 1024 } as const;

/** The agent's own budget: measured every ten seconds, asked before each task. No clock inside. */
export class Budget {
  readonly #readUse: ReadUse;
  #cpuNs: number;
  #atBootNs: number;
  #cost: Cost;

  constructor(readUse: ReadUse, atBootNs: number) {
    this.#readUse = readUse;
    this.#atBootNs = atBootNs;
    const use = readUse();
    this.#cpuNs = use.cpuNs;
    this.#cost = { cpuPercent: 0, rssBytes: use.rssBytes };
  }

  /** Measures the interval since the last call. */
  measure(atBootNs: number): Cost {
    const use = this.#readUse();
    const elapsedNs = atBootNs - this.#atBootNs;
    const cpuPercent = elapsedNs > 0 ? (100 * (use.cpuNs - this.#cpuNs)) / elapsedNs : 0;
    this.#cost = { cpuPercent, rssBytes: use.rssBytes };
    this.#cpuNs = use.cpuNs;
    this.#atBootNs = atBootNs;
    return this.#cost;
  }

  /** As last measured. */
  get cost(): Cost {
    return this.#cost;
  }

  /** Why no task may start now, or undefined when it may. */
  exceeded(): string | undefined {
    const { cpuPercent, rssBytes } = this.#cost;
    if (cpuPercent > budgetLimits.cpuPercent) {
      return `the agent used ${
        cpuPercent.toFixed(0)
      } % of a core, over its budget of ${budgetLimits.cpuPercent} %`;
    }
    if (rssBytes > budgetLimits.rssBytes) {
      const [used, limit] = [rssBytes, budgetLimits.rssBytes].map((bytes) => Math.round(bytes / 1048576));
      return `the agent holds ${used} MiB, over its budget of ${limit} MiB`;
    }
    return undefined;
  }
}
