import { Code, ConnectError } from "@connectrpc/connect";
import type { AgentDirectory } from "./agent_directory.ts";
import type { AgentCommand } from "./agent_stream.ts";

/** What an agent made of a command. */
export interface CommandOutcome {
  /** Empty when it refused. */
  readonly taskId: string;
  /** Why; empty when it did not. */
  readonly refused: string;
}

const answerMs = 5_000;
const waitingLimit = 100;

/** Sends agents commands that want an answer, and waits for it. */
export class CommandDesk {
  readonly #agents: AgentDirectory;
  readonly #answerMs: number;
  readonly #waiting = new Map<
    string,
    { readonly agentId: string; readonly resolve: (outcome: CommandOutcome) => void }
  >();

  constructor(agents: AgentDirectory, limits: { answerMs: number } = { answerMs }) {
    this.#agents = agents;
    this.#answerMs = limits.answerMs;
  }

  /**
   * Sends a command to one agent; rejects with a ConnectError when it is not connected or says nothing for five seconds: then
   * it may have done it all the same.
   */
  async ask(agentId: string, makeCommand: (commandId: string) => AgentCommand): Promise<CommandOutcome> {
    if (this.#waiting.size >= waitingLimit) {
      throw new ConnectError("Too many commands wait for agents; try again", Code.ResourceExhausted);
    }
    const commandId = crypto.randomUUID();
    const { promise, resolve, reject } = Promise.withResolvers<CommandOutcome>();
    this.#waiting.set(commandId, { agentId, resolve });
    const timer = setTimeout(() => {
      const message = "The agent has not answered in time; look at its tasks before you try again";
      reject(new ConnectError(message, Code.DeadlineExceeded));
    }, this.#answerMs);
    try {
      if (this.#agents.stream(agentId)?.send(makeCommand(commandId)) !== true) {
        throw new ConnectError("The process's agent is not connected; try again later", Code.Unavailable);
      }
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(commandId);
    }
  }

  /** Takes an answer; one that nobody waits for, or of another agent, is passed over. */
  answer(agentId: string, commandId: string, outcome: CommandOutcome): void {
    const waiting = this.#waiting.get(commandId);
    if (waiting?.agentId === agentId) waiting.resolve(outcome);
  }
}
