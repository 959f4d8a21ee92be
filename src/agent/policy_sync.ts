import { type Client, createClient } from "@connectrpc/connect";
import { type Clock, systemClock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import {
  type AgentInfo,
  AgentService,
  type ExtendTask,
  type StartTask,
  type WatchResponse,
} from "../gen/stakeout/v1/agent_service_pb.ts";
import { Backoff, sleep } from "./backoff.ts";
import { type AgentTransport, describeBackendError } from "./transport.ts";

/** A policy as the backend keeps it: text that is still to be parsed. */
export interface PolicyText {
  readonly name: string;
  readonly source: string;
  readonly version: number;
}

/** What became of a command. */
export type CommandAnswer = { readonly taskId: string } | { readonly refused: string };

export interface PolicySyncOptions {
  readonly backend: AgentTransport;
  readonly agent: AgentInfo;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** The whole set, at each connection and each change. */
  readonly onPolicies: (setVersion: number, policies: readonly PolicyText[]) => void;
  readonly onStopTask: (taskId: string) => void;
  /** Commands that want an answer; it is sent at once. */
  readonly onStartTask: (command: StartTask) => CommandAnswer;
  readonly onExtendTask: (command: ExtendTask) => CommandAnswer;
  /** Silence after which the stream is taken for dead; 30 s, three heartbeats, when absent. */
  readonly silenceMs?: number;
}

const skewWarningMs = 10_000;

/**
 * Keeps the stream of policies open: whatever ends it, it is opened anew after 0 to 10 s, and the set is taken whole.
 * Without a backend nothing happens here; the agent goes on with the policies it has.
 */
export class PolicySync {
  readonly #options: PolicySyncOptions;
  readonly #client: Client<typeof AgentService>;
  readonly #clock: Clock;
  readonly #silenceMs: number;
  readonly #backoff = new Backoff(200, 10_000);
  #connected = false;
  #lastError = "";
  #skewMs = 0;
  #setVersion: number | undefined;

  constructor(options: PolicySyncOptions) {
    this.#options = options;
    this.#client = createClient(AgentService, options.backend.transport);
    this.#clock = options.clock ?? systemClock;
    this.#silenceMs = options.silenceMs ?? 30_000;
  }

  /** Whether the stream is open and has given a policy set. */
  get connected(): boolean {
    return this.#connected;
  }

  /** Why the stream is not open, one sentence; `""` when it is or was not tried yet. */
  get lastError(): string {
    return this.#lastError;
  }

  /** The backend's clock minus this host's, by the last heartbeat; off by the message's way. */
  get skewMs(): number {
    return this.#skewMs;
  }

  /** Follows the policies until `signal` is aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const error = await this.#follow(signal);
      if (signal.aborted) break;
      const reason = describeBackendError(error, this.#options.backend.url);
      if (this.#connected || this.#lastError !== reason) {
        this.#options.logger.warn("Policies are not in step with the backend", { reason });
      }
      this.#connected = false;
      this.#lastError = reason;
      await sleep(this.#backoff.nextMs(), signal);
    }
    this.#connected = false;
  }

  /** One stream; gives what ended it. */
  async #follow(signal: AbortSignal): Promise<unknown> {
    const stream = new AbortController();
    const silence = new Error(`No heartbeat for ${this.#silenceMs / 1000} s`);
    const abort = () => stream.abort();
    let isSilent = false;
    function endSilent(): void {
      isSilent = true;
      stream.abort();
    }
    signal.addEventListener("abort", abort, { once: true });
    this.#setVersion = undefined;
    let timer = setTimeout(endSilent, this.#silenceMs);
    try {
      for await (
        const response of this.#client.watch({ agent: this.#options.agent }, { signal: stream.signal })
      ) {
        clearTimeout(timer);
        timer = setTimeout(endSilent, this.#silenceMs);
        const outdated = this.#take(response);
        if (outdated) return new Error("A policy set was missed");
      }
      return new Error("The stream was closed");
    } catch (error) {
      return isSilent ? silence : error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      stream.abort();
    }
  }

  /** Handles one message; true when it shows that this agent holds another set than the backend. */
  #take({ event, setVersion }: WatchResponse): boolean {
    switch (event.case) {
      case "policies":
        this.#setVersion = Number(setVersion);
        this.#connect();
        this.#options.onPolicies(
          this.#setVersion,
          event.value.policies.map(({ name, source, version }) => ({ name, source, version })),
        );
        return false;
      case "heartbeat":
        this.#skewMs = Number(event.value.atUnixMs) - this.#clock.nowUnixMs();
        if (Math.abs(this.#skewMs) > skewWarningMs) {
          this.#options.logger.warn("The clocks of this host and the backend differ; set one of them", {
            skewMs: this.#skewMs,
          });
        }
        return this.#setVersion !== undefined && Number(setVersion) !== this.#setVersion;
      case "stopTask":
        this.#options.onStopTask(event.value.taskId);
        return false;
      case "startTask":
        this.#answer(event.value.commandId, this.#options.onStartTask(event.value));
        return false;
      case "extendTask":
        this.#answer(event.value.commandId, this.#options.onExtendTask(event.value));
        return false;
      case undefined:
        return false;
    }
  }

  /** Whoever asked waits some seconds, so that an answer that fails is not sent again. */
  #answer(commandId: string, answer: CommandAnswer): void {
    const { agent, logger } = this.#options;
    this.#client.answerCommand({ agent, commandId, ...answer }).catch((error) => {
      logger.warn("An answer did not reach the backend", {
        reason: describeBackendError(error, this.#options.backend.url),
      });
    });
  }

  #connect(): void {
    this.#backoff.reset();
    if (!this.#connected) {
      this.#options.logger.info("Policies are in step with the backend", { url: this.#options.backend.url });
    }
    this.#connected = true;
    this.#lastError = "";
  }
}
