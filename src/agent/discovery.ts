import type { ServiceOverride } from "../model/config.ts";
import { pidOf, type Process } from "../model/process.ts";
import { type Identity, readIdentity } from "./identity.ts";
import type { ProcessRow, ProcessTable } from "./process_table.ts";
import { nameService, type NamingOptions, type ServiceFacts } from "./service_name.ts";

/** A user process that runs: who it is, and the kernel's counts of it, which change in place. */
export interface LiveProcess {
  /** Replaced when the process executes another program; its id stays. */
  process: Process;
  readonly row: ProcessRow;
}

/** What happened among the user processes since the last look. */
export interface DiscoveryChanges {
  readonly appeared: readonly LiveProcess[];
  /** Another program in the same process: names, service and matches may differ. */
  readonly changed: readonly LiveProcess[];
  readonly gone: readonly LiveProcess[];
}

export interface DiscoveryOptions extends NamingOptions {
  table: ProcessTable;
  bootId: string;
  /** These and what they start are Stakeout itself: neither listed nor matched. */
  ownPids: readonly number[];
  /** Milliseconds since any start, for the budget of a tick. */
  elapsedMs?: () => number;
}

const tickBudgetMs = 5;
const deepestAncestor = 64;

/**
 * Knows the user processes of the host: takes snapshots and reads from /proc who is new, a few at a time so that a
 * storm of forks cannot hold up a tick.
 *
 * Kernel threads, ended processes that nobody has waited for, and Stakeout itself are left out.
 */
export class Discovery {
  #options: DiscoveryOptions;
  readonly #elapsedMs: () => number;
  readonly #live = new Map<ProcessRow, LiveProcess>();
  /** What services were found by, to find them anew without reading anything. */
  readonly #facts = new Map<LiveProcess, ServiceFacts>();
  /** In the order in which they were seen. */
  readonly #unread = new Set<ProcessRow>();
  #appeared = new Set<LiveProcess>();
  #changed = new Set<LiveProcess>();
  #gone = new Set<LiveProcess>();
  #missed = 0;
  #revision = 0;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    this.#elapsedMs = options.elapsedMs ?? (() => performance.now());
  }

  /** User processes that are known now. */
  get size(): number {
    return this.#live.size;
  }

  /** Another number whenever a process has come, gone, or is named anew. */
  get revision(): number {
    return this.#revision;
  }

  /** Processes that ended before anything was read of them, since the start. */
  get missed(): number {
    return this.#missed;
  }

  /** New processes that later ticks will read. */
  get pending(): number {
    return this.#unread.size;
  }

  values(): Iterable<LiveProcess> {
    return this.#live.values();
  }

  get(pid: number): LiveProcess | undefined {
    const row = this.#options.table.get(pid);
    return row === undefined ? undefined : this.#live.get(row);
  }

  /** The process with this id, when it lives. */
  find(id: string): LiveProcess | undefined {
    const live = this.get(pidOf(id));
    return live?.process.id === id ? live : undefined;
  }

  /** Takes over a snapshot, as {@linkcode ProcessTable.update} does, and reads new processes for about 5 ms. */
  update(atBootNs: number, records: Uint8Array): void {
    const { started, executed, ended } = this.#options.table.update(atBootNs, records);
    for (const row of ended) this.#end(row);
    for (const row of started) this.#unread.add(row);
    for (const row of executed) this.#unread.add(row);
    this.#readSome();
  }

  /** Names all processes anew by these overrides, a few a tick. */
  setOverrides(overrides: readonly ServiceOverride[]): void {
    this.#options = { ...this.#options, overrides };
    for (const row of this.#live.keys()) this.#unread.add(row);
  }

  /**
   * Names those processes anew that a pod of these uids or container ids holds, after what is known of the pod changed.
   * It costs a lookup a process.
   */
  renamePods(podUids: ReadonlySet<string>, containerIds: { has(id: string): boolean }): void {
    for (const [live, facts] of this.#facts) {
      if (!podUids.has(facts.cgroup.podUid) && !containerIds.has(facts.cgroup.containerId)) continue;
      this.#replace(live, { ...live.process, ...nameService(facts, this.#options) });
    }
  }

  /** Reads all new processes, giving way to other work every 5 ms. For the start, when all are new. */
  async readAll(): Promise<void> {
    while (this.#unread.size > 0) {
      this.#readSome();
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  /** Returns what happened since the last call. */
  takeChanges(): DiscoveryChanges {
    const changes = { appeared: [...this.#appeared], changed: [...this.#changed], gone: [...this.#gone] };
    if (this.#appeared.size > 0) this.#appeared = new Set();
    if (this.#changed.size > 0) this.#changed = new Set();
    if (this.#gone.size > 0) this.#gone = new Set();
    return changes;
  }

  #readSome(): void {
    const deadlineMs = this.#elapsedMs() + tickBudgetMs;
    for (const row of this.#unread) {
      this.#unread.delete(row);
      if (!this.#isOwn(row)) this.#identify(row, readIdentity(row, this.#options));
      if (this.#elapsedMs() >= deadlineMs) return;
    }
  }

  #identify(row: ProcessRow, identity: Identity): void {
    if (identity === "gone") this.#missed++;
    if (typeof identity === "string") return;
    const { process, facts } = identity;
    const live = this.#live.get(row);
    if (live === undefined) {
      const added = { process, row };
      this.#live.set(row, added);
      this.#facts.set(added, facts);
      this.#appeared.add(added);
      this.#revision++;
    } else {
      this.#facts.set(live, facts);
      this.#replace(live, process);
    }
  }

  #replace(live: LiveProcess, process: Process): void {
    live.process = process;
    this.#revision++;
    if (!this.#appeared.has(live)) this.#changed.add(live);
  }

  #end(row: ProcessRow): void {
    const live = this.#live.get(row);
    if (this.#unread.delete(row) && live === undefined) this.#missed++;
    if (live === undefined) return;
    this.#live.delete(row);
    this.#revision++;
    this.#facts.delete(live);
    this.#changed.delete(live);
    // Who came and went between two looks was never there.
    if (!this.#appeared.delete(live)) this.#gone.add(live);
  }

  #isOwn(row: ProcessRow): boolean {
    const { table, ownPids } = this.#options;
    let ancestor: ProcessRow | undefined = row;
    for (let depth = 0; ancestor !== undefined && depth < deepestAncestor; depth++) {
      if (ownPids.includes(ancestor.pid)) return true;
      ancestor = table.get(ancestor.parentPid);
    }
    return false;
  }
}
