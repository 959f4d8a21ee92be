import { createHash } from "node:crypto";

const mostPerGeneration = 50_000;

/**
 * Remembers what of a task was stored, stacks of a kind or meters, so that what is sent again counts once.
 * Limits: the last 50,000 to 100,000; an agent sends again what was under way, which is 1 MiB of ours.
 */
export class TakenKeys {
  #newer = new Set<number>();
  #older = new Set<number>();

  has(key: number): boolean {
    return this.#newer.has(key) || this.#older.has(key);
  }

  add(key: number): void {
    if (this.#newer.size >= mostPerGeneration) {
      this.#older = this.#newer;
      this.#newer = new Set();
    }
    this.#newer.add(key);
  }

  /** What could not be stored is taken when it comes again. */
  delete(key: number): void {
    this.#newer.delete(key);
    this.#older.delete(key);
  }
}

/** A key of 48 bits, made of everything that tells one from another: two that differ have the same once in 10^14. */
export function takenKey(parts: readonly (string | number)[]): number {
  return createHash("sha256").update(parts.join("\n")).digest().readUIntBE(0, 6);
}
