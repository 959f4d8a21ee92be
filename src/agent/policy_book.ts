import type { Policy, ProfileKind, Rule } from "../model/policy.ts";
import type { PolicyText } from "./policy_sync.ts";
import { readPolicyText } from "./policy_text.ts";

/** What this build and host can do; the rest of a policy is refused with the reason. */
export interface Abilities {
  /** Why a metric cannot be watched, undefined when it can. */
  metric(metric: Rule["metric"]): string | undefined;
  /** Why a kind of profile cannot be started, undefined when it can. */
  kind(kind: ProfileKind): string | undefined;
  /** Why TLS cannot be read, undefined when it can. */
  tls(): string | undefined;
}

/** A policy as this agent judges it. */
export interface ActivePolicy {
  readonly policy: Policy;
  readonly version: number;
  /** Rules that can be judged, with their place in the policy. */
  readonly rules: readonly { readonly index: number; readonly rule: Rule }[];
}

/** A part of a policy that this agent cannot carry out. */
export interface PartRefusal {
  readonly policy: string;
  /** `rules[1]`, `start[0]`; `""` for the whole. */
  readonly path: string;
  readonly reason: string;
}

/** The policies an agent judges by: each text is checked here again, whoever sent it. */
export class PolicyBook {
  readonly #abilities: Abilities;
  #active = new Map<string, ActivePolicy>();
  #refusals: PartRefusal[] = [];
  #setVersion = 0;

  constructor(abilities: Abilities) {
    this.#abilities = abilities;
  }

  /** Version of the set that was last taken over. */
  get setVersion(): number {
    return this.#setVersion;
  }

  get refusals(): readonly PartRefusal[] {
    return this.#refusals;
  }

  /** Policies that are not paused and have a rule that can be judged. */
  values(): Iterable<ActivePolicy> {
    return this.#active.values();
  }

  get(name: string): ActivePolicy | undefined {
    return this.#active.get(name);
  }

  /** Takes over a whole set in place of the one before. */
  replace(setVersion: number, texts: readonly PolicyText[]): void {
    this.#setVersion = setVersion;
    this.#active = new Map();
    this.#refusals = [];
    for (const text of texts) this.#add(text);
  }

  #add(text: PolicyText): void {
    const { name, version } = text;
    const { documents: [document], problems: [problem] } = readPolicyText(text);
    if (document === undefined || problem !== undefined) {
      const reason = problem === undefined ? "its text is empty" : `${problem.message}; ${problem.fix}`;
      this.#refusals.push({ policy: name, path: problem?.path ?? "", reason });
      return;
    }
    const { policy } = document;
    if (policy.paused) return;
    const rules = policy.rules.map((rule, index) => ({ index, rule })).filter(({ index, rule }) =>
      this.#isAble(policy, `rules[${index}]`, this.#abilities.metric(rule.metric))
    );
    for (const [index, kind] of policy.start.entries()) {
      this.#isAble(policy, `start[${index}]`, this.#abilities.kind(kind));
    }
    if (policy.tls) this.#isAble(policy, "tls", this.#abilities.tls());
    if (rules.length > 0) this.#active.set(policy.name, { policy, version, rules });
  }

  #isAble({ name }: Policy, path: string, reason: string | undefined): boolean {
    if (reason !== undefined) this.#refusals.push({ policy: name, path, reason });
    return reason === undefined;
  }
}

/** What this version can do on a host that lacks nothing. */
export const builtAbilities: Abilities = {
  metric: () => undefined,
  kind: () => undefined,
  tls: () => undefined,
};
