/** What to tell an agent next. */
export type AgentEvent =
  | { readonly kind: "policies" }
  | { readonly kind: "heartbeat" }
  | { readonly kind: "stop"; readonly taskId: string }
  | { readonly kind: "end" };

const stopLimit = 100;

/** Events for one agent's open stream. Changes of policies are joined: an agent needs only the newest set. */
export class AgentStream {
  #policiesChanged = true;
  #ended = false;
  readonly #stops: string[] = [];
  #wake: (() => void) | undefined;

  /** The set of policies is another one now. */
  policiesChanged(): void {
    this.#policiesChanged = true;
    this.#wake?.();
  }

  /** Asks the agent to end a task; false when too many such wishes wait already. */
  stopTask(taskId: string): boolean {
    if (this.#stops.length >= stopLimit) return false;
    this.#stops.push(taskId);
    this.#wake?.();
    return true;
  }

  /** Ends the stream, because the same agent opened another one or the server closes. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** The next event; a heartbeat when there is none for `heartbeatMs`. */
  async next(heartbeatMs: number, signal: AbortSignal): Promise<AgentEvent> {
    if (!this.#ready() && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = setTimeout(resolve, heartbeatMs);
      signal.addEventListener("abort", () => resolve(), { once: true });
      await promise;
      clearTimeout(timer);
      this.#wake = undefined;
    }
    if (this.#ended || signal.aborted) return { kind: "end" };
    if (this.#policiesChanged) {
      this.#policiesChanged = false;
      return { kind: "policies" };
    }
    const taskId = this.#stops.shift();
    return taskId === undefined ? { kind: "heartbeat" } : { kind: "stop", taskId };
  }

  #ready(): boolean {
    return this.#ended || this.#policiesChanged || this.#stops.length > 0;
  }
}
