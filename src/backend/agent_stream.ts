import type { MessageInitShape } from "@bufbuild/protobuf";
import type { WatchResponseSchema } from "../gen/stakeout/v1/agent_service_pb.ts";

/** What an agent is asked to do. */
export type AgentCommand = Extract<
  MessageInitShape<typeof WatchResponseSchema>["event"],
  { case: "stopTask" | "startTask" | "extendTask" }
>;

/** What to tell an agent next. */
export type AgentEvent =
  | { readonly kind: "policies" }
  | { readonly kind: "heartbeat" }
  | { readonly kind: "command"; readonly command: AgentCommand }
  | { readonly kind: "end" };

const commandLimit = 100;

/** Events for one agent's open stream. Changes of policies are joined: an agent needs only the newest set. */
export class AgentStream {
  #policiesChanged = true;
  #ended = false;
  readonly #commands: AgentCommand[] = [];
  #wake: (() => void) | undefined;

  /** The set of policies is another one now. */
  policiesChanged(): void {
    this.#policiesChanged = true;
    this.#wake?.();
  }

  /** Asks the agent to do something; false when too many such wishes wait already. */
  send(command: AgentCommand): boolean {
    if (this.#commands.length >= commandLimit) return false;
    this.#commands.push(command);
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
    const command = this.#commands.shift();
    return command === undefined ? { kind: "heartbeat" } : { kind: "command", command };
  }

  #ready(): boolean {
    return this.#ended || this.#policiesChanged || this.#commands.length > 0;
  }
}
