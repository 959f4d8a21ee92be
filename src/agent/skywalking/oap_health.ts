import type { Logger } from "../../../lib/log.ts";
import { describeOapError } from "./oap_error.ts";

/** Tells in the log when something of an OAP stops and begins to work: once each, however many kinds of calls see it. */
export class OapHealth {
  readonly #url: string;
  readonly #logger: Logger;
  /** Why a kind of call does not work. */
  readonly #reasons = new Map<string, string>();

  constructor(url: string, logger: Logger) {
    this.#url = url;
    this.#logger = logger;
  }

  /** A call went well. */
  succeed(kind: string): void {
    if (!this.#reasons.delete(kind) || this.#reasons.size > 0) return;
    this.#logger.info("The OAP answers again", { url: this.#url });
  }

  /** A call failed; the agent goes on and tries it again. */
  fail(kind: string, error: unknown): void {
    const reason = describeOapError(error, this.#url);
    if (this.#reasons.get(kind) === reason) return;
    const isNews = ![...this.#reasons.values()].includes(reason);
    this.#reasons.set(kind, reason);
    if (isNews) this.#logger.warn("The OAP cannot be used; the agent goes on watching", { reason });
  }
}
