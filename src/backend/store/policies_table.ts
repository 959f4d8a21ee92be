import type { DatabaseSync, StatementSync } from "node:sqlite";
import { transact } from "./database.ts";
import type { PolicyChange, StoredPolicy, StoredPolicyVersion } from "./store.ts";

/** Policies as they are, every version of each, and the version of the whole set. */
export class PoliciesTable {
  readonly #database: DatabaseSync;
  readonly #list: StatementSync;
  readonly #setVersion: StatementSync;
  readonly #versions: StatementSync;
  readonly #lastVersion: StatementSync;
  readonly #current: StatementSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #putVersion: StatementSync;
  readonly #countUp: StatementSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#list = database.prepare("SELECT name, version, source, updated_ms FROM policies ORDER BY name");
    this.#setVersion = database.prepare("SELECT value FROM meta WHERE key = 'policy_set_version'");
    this.#versions = database.prepare(
      "SELECT name, version, source, updated_ms, change FROM policy_versions WHERE name = ? ORDER BY version DESC LIMIT 1000",
    );
    this.#lastVersion = database.prepare(
      "SELECT ifnull(max(version), 0) AS version FROM policy_versions WHERE name = ?",
    );
    this.#current = database.prepare("SELECT version, source FROM policies WHERE name = ?");
    this.#put = database.prepare("INSERT OR REPLACE INTO policies VALUES (?, ?, ?, ?)");
    this.#delete = database.prepare("DELETE FROM policies WHERE name = ?");
    this.#putVersion = database.prepare("INSERT INTO policy_versions VALUES (?, ?, ?, ?, ?)");
    this.#countUp = database.prepare(
      "INSERT INTO meta VALUES ('policy_set_version', 1) ON CONFLICT DO UPDATE SET value = value + 1",
    );
  }

  /** All of them and the version of the set. */
  list(): { policies: StoredPolicy[]; setVersion: number } {
    return { policies: this.#list.all().map(toPolicy), setVersion: this.#readSetVersion() };
  }

  /** Saves of one policy, newest first, with its deletions. */
  versions(name: string): StoredPolicyVersion[] {
    return this.#versions.all(name).map((row) => ({ ...toPolicy(row), change: String(row.change) }));
  }

  /** Saves all or none; one whose text is the stored one already is left as it is. */
  save(
    policies: readonly { name: string; source: string; change?: "paused" | "resumed" }[],
    atMs: number,
    expectedVersion?: number,
  ): PolicyChange {
    return transact(this.#database, () => {
      if (expectedVersion !== undefined) {
        for (const { name } of policies) {
          const version = Number(this.#current.get(name)?.version ?? 0);
          if (version !== expectedVersion) return { kind: "conflict", version };
        }
      }
      let changed = false;
      for (const { name, source, change } of policies) {
        const current = this.#current.get(name);
        if (current?.source === source) continue;
        const version = this.#nextVersion(name);
        this.#put.run(name, version, source, atMs);
        this.#putVersion.run(name, version, source, atMs, change ?? (current ? "updated" : "created"));
        changed = true;
      }
      if (changed) this.#countUp.run();
      return { kind: "saved", setVersion: this.#readSetVersion() };
    });
  }

  /** Deletes a policy; its versions stay, the last one saying so. */
  delete(name: string, atMs: number): PolicyChange {
    return transact(this.#database, () => {
      const current = this.#current.get(name);
      if (current === undefined) return { kind: "missing" };
      this.#delete.run(name);
      this.#putVersion.run(name, this.#nextVersion(name), String(current.source), atMs, "deleted");
      this.#countUp.run();
      return { kind: "saved", setVersion: this.#readSetVersion() };
    });
  }

  #nextVersion(name: string): number {
    return Number(this.#lastVersion.get(name)?.version) + 1;
  }

  #readSetVersion(): number {
    return Number(this.#setVersion.get()?.value ?? 0);
  }
}

function toPolicy(row: Record<string, unknown>): StoredPolicy {
  return {
    name: String(row.name),
    version: Number(row.version),
    source: String(row.source),
    updatedAtMs: Number(row.updated_ms),
  };
}
