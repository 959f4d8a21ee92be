const maxModules = 1024;

/**
 * Files that a helper process died of, by what its report "module" said: inode or build ID, or only their lines. They are left
 * alone from then on, in every task of this agent, so that one bad file costs one process and not one a task.
 *
 * Limits: 1,024; the oldest go first. Loss: forgotten when the agent ends.
 */
export class BadModules {
  readonly #keys = new Set<string>();

  add(key: string): void {
    this.#keys.delete(key);
    this.#keys.add(key);
    if (this.#keys.size > maxModules) this.#keys.delete(this.#keys.values().next().value!);
  }

  list(): string[] {
    return [...this.#keys];
  }
}
