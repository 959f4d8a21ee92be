/** What may have changed, as the wire names it. */
export type ChangeTopic = "agents" | "inventory" | "metrics" | "policies" | "tasks" | "profiles" | "http";

export interface Changes {
  readonly topics: ReadonlySet<ChangeTopic>;
  readonly taskIds: ReadonlySet<string>;
}

const taskIdLimit = 1_000;

/** Tells every open page that something changed; a page then asks anew for what it shows. */
export class ChangeFeed {
  readonly #subscriptions = new Set<ChangeSubscription>();

  /** Notes a change; never waits for a reader. */
  publish(topic: ChangeTopic, taskId?: string): void {
    for (const subscription of this.#subscriptions) subscription.add(topic, taskId);
  }

  /** Begins to collect changes; close it when done. */
  subscribe(): ChangeSubscription {
    const subscription = new ChangeSubscription(() => this.#subscriptions.delete(subscription));
    this.#subscriptions.add(subscription);
    return subscription;
  }

  /** Open subscriptions. */
  get size(): number {
    return this.#subscriptions.size;
  }
}

/** Changes for one reader, joined until it takes them. */
export class ChangeSubscription {
  readonly #onClose: () => void;
  #topics = new Set<ChangeTopic>();
  #taskIds = new Set<string>();
  #wake: (() => void) | undefined;

  constructor(onClose: () => void) {
    this.#onClose = onClose;
  }

  /** Called by the feed. */
  add(topic: ChangeTopic, taskId: string | undefined): void {
    this.#topics.add(topic);
    if (taskId !== undefined && this.#taskIds.size < taskIdLimit) this.#taskIds.add(taskId);
    this.#wake?.();
  }

  /** Everything since the last call; waits for a first change, and answers undefined once `signal` is aborted. */
  async take(signal: AbortSignal): Promise<Changes | undefined> {
    if (this.#topics.size === 0 && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      signal.addEventListener("abort", () => resolve(), { once: true });
      await promise;
      this.#wake = undefined;
    }
    if (signal.aborted) return undefined;
    const changes = { topics: this.#topics, taskIds: this.#taskIds };
    this.#topics = new Set();
    this.#taskIds = new Set();
    return changes;
  }

  close(): void {
    this.#onClose();
  }
}
