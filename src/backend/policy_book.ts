import type { Policy } from "../model/policy.ts";
import { parsePolicies } from "../model/policy_file.ts";
import type { Store, StoredPolicy } from "./store/store.ts";

/** A saved policy with its meaning; undefined when its text no longer parses. */
export interface BookEntry {
  readonly stored: StoredPolicy;
  readonly policy: Policy | undefined;
}

/** The policies as they are now, parsed once, for everyone who asks. */
export class PolicyBook {
  readonly #store: Store;
  #entries: ReadonlyMap<string, BookEntry> = new Map();
  #setVersion = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  /** By name, ascending. */
  get entries(): readonly BookEntry[] {
    return [...this.#entries.values()];
  }

  get setVersion(): number {
    return this.#setVersion;
  }

  /** One policy. */
  get(name: string): BookEntry | undefined {
    return this.#entries.get(name);
  }

  /** Reads all again, at start and after a change. */
  async reload(): Promise<void> {
    const { policies, setVersion } = await this.#store.listPolicies();
    // Two changes at once reload twice; an answer that was overtaken is left out.
    if (setVersion < this.#setVersion) return;
    this.#setVersion = setVersion;
    this.#entries = new Map(policies.map((stored) => [stored.name, this.#parse(stored)]));
  }

  #parse(stored: StoredPolicy): BookEntry {
    const known = this.#entries.get(stored.name);
    if (known?.stored.version === stored.version) return known;
    return { stored, policy: parsePolicies(stored.source).documents[0]?.policy };
  }
}
