import type { Logger } from "../../../lib/log.ts";
import type { SkyWalkingConfig } from "../../model/config.ts";
import { ruleUris } from "../../model/policy.ts";
import { seriesVariant } from "../../model/series.ts";
import type { Target } from "../../model/target.ts";
import type { PolicyText } from "../policy_sync.ts";
import { readPolicyText } from "../policy_text.ts";
import type { StateSchema } from "../state.ts";
import type { OapPolicy } from "./policy_json.ts";
import { toPolicyTexts } from "./policy_texts.ts";

/** A policy as it is kept across restarts. */
export interface HeldPolicy {
  readonly policy: OapPolicy;
  readonly target: Target;
}

interface Entry extends HeldPolicy {
  readonly texts: readonly PolicyText[];
  /** Series that its rules read, by {@linkcode seriesKey}: those are reported. */
  readonly series: ReadonlySet<string>;
  goneSinceMs: number | undefined;
}

const mostHeld = 5_000;
/** A service that has had no process for so long is forgotten; one that restarts keeps its policy. */
const keepMs = 3_600_000;

/** The policies that an OAP has given for the services of this host, by the service's name there. */
export class HeldPolicies {
  readonly #settings: SkyWalkingConfig;
  readonly #logger: Logger;
  readonly #held = new Map<string, Entry>();

  constructor(settings: SkyWalkingConfig, logger: Logger) {
    this.#settings = settings;
    this.#logger = logger;
  }

  /** Uuid of what is held for a service, `""` for nothing. */
  uuidOf(service: string): string {
    return this.#held.get(service)?.policy.uuid ?? "";
  }

  services(): Iterable<string> {
    return this.#held.keys();
  }

  /** All policies in our own words. */
  texts(): PolicyText[] {
    return [...this.#held.values()].flatMap(({ texts }) => texts);
  }

  /** Whether a rule for this service reads the series. */
  reads(service: string, series: string): boolean {
    return this.#held.get(service)?.series.has(series) ?? false;
  }

  /** Takes over what an OAP says of a service: `uuid` `""` ends what was held. */
  set(policy: OapPolicy, target: Target): void {
    if (policy.uuid === "") {
      this.#held.delete(policy.service);
      return;
    }
    if (!this.#held.has(policy.service) && this.#held.size >= mostHeld) {
      this.#logger.warn("Too many services have a policy of the OAP", {
        service: policy.service,
        most: mostHeld,
      });
      return;
    }
    const { texts, refusals } = toPolicyTexts(policy, target, this.#settings);
    for (const { target: type, monitor, reason } of refusals) {
      this.#logger.warn("A condition of the OAP is not judged", {
        service: policy.service,
        target: type,
        monitor,
        reason,
      });
    }
    this.#held.set(policy.service, {
      policy,
      target,
      texts,
      series: seriesOf(texts),
      goneSinceMs: undefined,
    });
  }

  /** Forgets services that have had no process for an hour; true when it forgot one. */
  forgetGone(present: ReadonlyMap<string, unknown>, nowMs: number): boolean {
    let forgot = false;
    for (const [service, entry] of this.#held) {
      if (present.has(service)) entry.goneSinceMs = undefined;
      else if (nowMs - (entry.goneSinceMs ??= nowMs) > keepMs) forgot = this.#held.delete(service);
    }
    return forgot;
  }

  exportState(): HeldPolicy[] {
    return [...this.#held.values()].map(({ policy, target }) => ({ policy, target }));
  }

  /** Takes in what an earlier agent kept. */
  restore(held: readonly HeldPolicy[]): void {
    for (const { policy, target } of held) this.set(policy, target);
  }
}

/** What a value belongs to, besides its process. */
export function seriesKey(series: { metric: string; variant: string; uri: string }): string {
  return `${series.metric} ${series.variant} ${series.uri}`;
}

function seriesOf(texts: readonly PolicyText[]): Set<string> {
  const rules = texts.flatMap((text) => readPolicyText(text).documents).flatMap(({ policy }) => policy.rules);
  return new Set(
    rules.flatMap((rule) =>
      ruleUris(rule).map((uri) => seriesKey({ metric: rule.metric, variant: seriesVariant(rule), uri }))
    ),
  );
}

/** Checks what was read from disk. */
export const heldPoliciesSchema: StateSchema<HeldPolicy[]> = {
  safeParse(value) {
    const isHeld = Array.isArray(value) &&
      value.every(({ policy, target } = {}) =>
        typeof policy?.service === "string" && typeof policy.uuid === "string" &&
        Array.isArray(policy.targets) &&
        typeof target?.service === "string" && typeof target.labels === "object"
      );
    return isHeld
      ? { success: true, data: value }
      : { success: false, error: { message: "no list of policies" } };
  },
};
