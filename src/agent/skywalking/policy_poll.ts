import { type Client, createClient } from "@connectrpc/connect";
import type { Logger } from "../../../lib/log.ts";
import type { Commands } from "../../gen/skywalking/v3/common_pb.ts";
import { ContinuousProfilingService } from "../../gen/skywalking/v3/continuous_profiling_pb.ts";
import type { Target } from "../../model/target.ts";
import { sleep } from "../backoff.ts";
import type { Discovery } from "../discovery.ts";
import { argumentOf, commandsNamed } from "./command.ts";
import { type EntityBook, targetOf } from "./entity.ts";
import type { HeldPolicies } from "./held_policies.ts";
import type { OapHealth } from "./oap_health.ts";
import { type OapPolicy, parseOapPolicies } from "./policy_json.ts";
import { nextDueMs } from "./schedule.ts";
import type { OapTransport } from "./transport.ts";

const usualPollMs = 10_000;
const deadlineMs = 10_000;
/** How long an answer is worked on before the agent gets to do something else. */
const stretchMs = 50;
/** More than fit into the 60 s that an OAP remembers a service. */
const strangers = 16;

export interface PolicyPollOptions {
  readonly oap: OapTransport;
  readonly book: EntityBook;
  readonly held: HeldPolicies;
  readonly health: OapHealth;
  readonly logger: Logger;
  /** Waits until it is time to look again, about a second. */
  readonly look: () => Promise<unknown>;
  /** Between two questions; 10 s when absent. */
  readonly pollMs?: number;
  /** Called when other policies are held than before. */
  readonly onPolicies: () => void;
}

/**
 * Asks an OAP for the policies of this host's services every 10 s, and within a second when a new service appears.
 *
 * An OAP that remembers all services of a question answers it without looking at what the agent holds, so that of many
 * agents only one hears of a change. Each question therefore has one service in it that nobody has asked for lately.
 */
export class PolicyPoll {
  readonly #options: PolicyPollOptions;
  readonly #pollMs: number;
  readonly #client: Client<typeof ContinuousProfilingService>;
  readonly #stranger = `stakeout-asks-${crypto.randomUUID().slice(0, 8)}`;
  /** Services asked for in the last regular question or since: they are not new when they come again. */
  #asked = new Set<string>();
  #polls = 0;
  #nextPollMs = 0;
  #seenRevision = -1;

  constructor(options: PolicyPollOptions) {
    this.#options = options;
    this.#pollMs = options.pollMs ?? usualPollMs;
    this.#client = createClient(ContinuousProfilingService, options.oap.transport);
  }

  /** Asks until `signal` is aborted. Never rejects. */
  async run(discovery: Pick<Discovery, "values" | "revision">, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const isDue = performance.now() >= this.#nextPollMs;
      if (isDue || discovery.revision !== this.#seenRevision) await this.#look(discovery, isDue, signal);
      await this.#options.look();
    }
  }

  /** Asks if it is time to, or if there is a service that has not been asked for. */
  async #look(
    discovery: Pick<Discovery, "values" | "revision">,
    isDue: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const { held, health, onPolicies } = this.#options;
    this.#seenRevision = discovery.revision;
    const services = this.#findServices(discovery);
    if (held.forgetGone(services, performance.now())) onPolicies();
    const names = new Set(services.keys());
    if (!isDue && names.isSubsetOf(this.#asked)) return;
    if (isDue) this.#nextPollMs = nextDueMs(this.#pollMs);
    try {
      await this.#poll(services, signal);
      this.#asked = isDue ? names : this.#asked.union(names);
      health.succeed("policies");
    } catch (error) {
      if (signal.aborted) return;
      this.#seenRevision = -1;
      health.fail("policies", error);
      await sleep(Math.random() * this.#pollMs, signal);
    }
  }

  #findServices(discovery: Pick<Discovery, "values">): Map<string, Target> {
    const services = new Map<string, Target>();
    for (const { process } of discovery.values()) {
      const service = this.#options.book.nameOf(process)?.service;
      const target = service === undefined || services.has(service) ? undefined : targetOf(process);
      if (service !== undefined && target !== undefined) services.set(service, target);
    }
    return services;
  }

  async #poll(services: ReadonlyMap<string, Target>, signal: AbortSignal): Promise<void> {
    const { held } = this.#options;
    const names = new Set([...services.keys(), ...held.services()]);
    if (names.size === 0) return;
    const policies = [...names].map((serviceName) => ({ serviceName, uuid: held.uuidOf(serviceName) }));
    policies.push({ serviceName: `${this.#stranger}-${this.#polls++ % strangers}`, uuid: "" });
    const answer = await this.#client.queryPolicies({ policies }, { signal, timeoutMs: deadlineMs });
    await this.#take(answer, services, signal);
  }

  /** With pauses: policies of hundreds of services take seconds, and the agent judges meanwhile. */
  async #take(answer: Commands, services: ReadonlyMap<string, Target>, signal: AbortSignal): Promise<void> {
    const { held, logger, onPolicies } = this.#options;
    const known = new Map(held.exportState().map(({ policy, target }) => [policy.service, target]));
    let changed = false;
    let pauseMs = performance.now() + stretchMs;
    for (const command of commandsNamed(answer, "ContinuousProfilingPolicyQuery", logger)) {
      let policies: OapPolicy[];
      try {
        policies = parseOapPolicies(argumentOf(command, "ServiceWithPolicyJSON"));
      } catch (error) {
        logger.warn("The OAP's policies cannot be read and the old ones stay", {
          reason: (error as Error).message,
        });
        continue;
      }
      for (const policy of policies) {
        const target = services.get(policy.service) ?? known.get(policy.service);
        // A service that was not asked for is none of this host's.
        if (target === undefined || policy.uuid === held.uuidOf(policy.service)) continue;
        held.set(policy, target);
        logger.info("A policy of the OAP was taken over", {
          service: policy.service,
          uuid: policy.uuid.slice(0, 12),
        });
        changed = true;
        if (performance.now() < pauseMs) continue;
        await sleep(0, signal);
        pauseMs = performance.now() + stretchMs;
      }
    }
    if (changed) onPolicies();
  }
}
