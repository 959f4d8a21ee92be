import type { Policy } from "../model/policy.ts";
import { compileTarget } from "../model/target.ts";
import type { DiscoveryChanges, LiveProcess } from "./discovery.ts";

/** A process that at least one policy matches, so that its metrics are kept. */
export interface WatchedProcess {
  readonly live: LiveProcess;
  /** Names of the policies that match it. */
  readonly policies: ReadonlySet<string>;
}

/** What happened among the watched processes since the last look. */
export interface WatchChanges {
  readonly added: readonly WatchedProcess[];
  /** Other policies match it now. */
  readonly changed: readonly WatchedProcess[];
  readonly removed: readonly WatchedProcess[];
}

interface Watch extends WatchedProcess {
  readonly policies: Set<string>;
}

interface CompiledPolicy {
  readonly policy: Policy;
  matches(live: LiveProcess): boolean;
  readonly processes: Set<LiveProcess>;
  /** Matched, but over the limit of watched processes. */
  readonly refused: Set<LiveProcess>;
}

const mostWatched = 4096;

/**
 * Knows which policy matches which process. A process is tested when it appears or becomes another program, a policy
 * when it is set; nothing is tested twice.
 *
 * Limits: 4,096 watched processes; more are refused, told by {@linkcode Matcher.refusals} and taken in when others end.
 */
export class Matcher {
  readonly #host: string;
  readonly #limit: number;
  #policies = new Map<string, CompiledPolicy>();
  readonly #watched = new Map<LiveProcess, Watch>();
  #added = new Set<Watch>();
  #changed = new Set<Watch>();
  #removed = new Set<Watch>();

  constructor(host: string, limit = mostWatched) {
    this.#host = host;
    this.#limit = limit;
  }

  get size(): number {
    return this.#watched.size;
  }

  watched(): Iterable<WatchedProcess> {
    return this.#watched.values();
  }

  /** Those a policy watches now; none for one that is unknown or paused. */
  processesOf(policy: string): ReadonlySet<LiveProcess> {
    return this.#policies.get(policy)?.processes ?? new Set();
  }

  /** Which policies lack processes because of the limit, and why, for people. */
  refusals(): { policy: string; reason: string }[] {
    return [...this.#policies].filter(([, { refused }]) => refused.size > 0).map(([policy, { refused }]) => ({
      policy,
      reason: `${refused.size} matched processes are not watched: ${this.#limit} are watched on this host, ` +
        `which is the limit; narrow the targets`,
    }));
  }

  /** Takes over the whole set of policies and tests all processes against those that are new or have another target. */
  setPolicies(policies: readonly Policy[], processes: Iterable<LiveProcess>): void {
    const before = this.#policies;
    this.#policies = new Map();
    const fresh: CompiledPolicy[] = [];
    for (const policy of policies) {
      if (policy.paused) continue;
      const known = before.get(policy.name);
      if (known !== undefined && sameTarget(known.policy, policy)) {
        this.#policies.set(policy.name, { ...known, policy });
        before.delete(policy.name);
      } else {
        const compiled = this.#compile(policy);
        this.#policies.set(policy.name, compiled);
        fresh.push(compiled);
      }
    }
    for (const live of processes) {
      for (const compiled of fresh) this.#test(compiled, live);
    }
    for (const old of before.values()) {
      for (const live of old.processes) this.#unwatch(old, live);
    }
    this.#takeInRefused();
  }

  /** Follows the processes of the host. */
  apply(changes: DiscoveryChanges): void {
    for (const live of changes.gone) {
      for (const compiled of this.#policies.values()) this.#unwatch(compiled, live);
    }
    for (const live of [...changes.appeared, ...changes.changed]) {
      for (const compiled of this.#policies.values()) this.#test(compiled, live);
    }
    if (changes.gone.length > 0 || changes.changed.length > 0) this.#takeInRefused();
  }

  /** Returns what happened since the last call. */
  takeChanges(): WatchChanges {
    const changes = { added: [...this.#added], changed: [...this.#changed], removed: [...this.#removed] };
    if (this.#added.size > 0) this.#added = new Set();
    if (this.#changed.size > 0) this.#changed = new Set();
    if (this.#removed.size > 0) this.#removed = new Set();
    return changes;
  }

  #compile(policy: Policy): CompiledPolicy {
    const test = compileTarget(policy.target);
    const host = this.#host;
    return {
      policy,
      matches: (live) => test(live.process, host),
      processes: new Set(),
      refused: new Set(),
    };
  }

  #test(compiled: CompiledPolicy, live: LiveProcess): void {
    if (compiled.matches(live)) this.#watch(compiled, live);
    else this.#unwatch(compiled, live);
  }

  #watch(compiled: CompiledPolicy, live: LiveProcess): void {
    if (compiled.processes.has(live)) return;
    let watch = this.#watched.get(live);
    if (watch === undefined) {
      if (this.#watched.size >= this.#limit) {
        compiled.refused.add(live);
        return;
      }
      watch = { live, policies: new Set() };
      this.#watched.set(live, watch);
      this.#added.add(watch);
    } else if (!this.#added.has(watch)) {
      this.#changed.add(watch);
    }
    compiled.refused.delete(live);
    compiled.processes.add(live);
    watch.policies.add(compiled.policy.name);
  }

  #unwatch(compiled: CompiledPolicy, live: LiveProcess): void {
    compiled.refused.delete(live);
    const watch = this.#watched.get(live);
    if (!compiled.processes.delete(live) || watch === undefined) return;
    const { name } = compiled.policy;
    // A policy that was set anew under its name may watch the process as well.
    if (!this.processesOf(name).has(live)) watch.policies.delete(name);
    if (watch.policies.size > 0) {
      if (!this.#added.has(watch)) this.#changed.add(watch);
      return;
    }
    this.#watched.delete(live);
    this.#changed.delete(watch);
    if (!this.#added.delete(watch)) this.#removed.add(watch);
  }

  #takeInRefused(): void {
    for (const compiled of this.#policies.values()) {
      for (const live of compiled.refused) this.#watch(compiled, live);
    }
  }
}

function sameTarget(one: Policy, other: Policy): boolean {
  return JSON.stringify(one.target) === JSON.stringify(other.target);
}
