import { RE2JS } from "re2js";
import type { Cause } from "../../gen/stakeout/v1/task_pb.ts";
import { type NetworkSampling, parseNetworkSamplings } from "../../model/network_samplings.ts";

/** What is to be sampled of requests. */
export type SamplingRule = Omit<NetworkSampling, "uriRegex">;

/** What a user's rules are, and what is wrong with those that are left out, a sentence each. */
export interface ReadSamplingRules {
  readonly rules: SamplingRules;
  readonly problems: readonly string[];
}

/** As of policies. */
const longestRegex = 256;
const everything: SamplingRule = {
  ...{ minimumMs: 0, when4xx: true, when5xx: true, completeRequest: true, completeResponse: true },
};

/** A rule for some paths. */
interface PathRule {
  readonly rule: SamplingRule;
  readonly matches: (path: string) => boolean;
}

/** Says which rule a request falls under, by its path. */
export class SamplingRules {
  readonly #byPath: readonly PathRule[];
  readonly #other: SamplingRule | undefined;

  /**
   * @param byPath Of several that match the last counts, as in SkyWalking's agent.
   * @param other For all other paths.
   */
  constructor(byPath: readonly PathRule[], other: SamplingRule | undefined) {
    this.#byPath = byPath;
    this.#other = other;
  }

  /** The rule for a path without its query; undefined when there is none. */
  find(path: string): SamplingRule | undefined {
    return this.#byPath.findLast(({ matches }) => matches(path))?.rule ?? this.#other;
  }
}

/** Of a task that nobody wants samples of. */
export const noSampling: SamplingRules = new SamplingRules([], undefined);

/**
 * Reads the rules of a user, see {@linkcode parseNetworkSamplings}. Of those without an expression the first counts.
 * Limits: expressions of 256 characters in RE2's dialect.
 * Loss: a rule whose expression is none is left out, and all of them where one is malformed: `problems` say so, for the log.
 */
export function readSamplingRules(json: string): ReadSamplingRules {
  const samplings = parseNetworkSamplings(json);
  if (typeof samplings === "string") {
    return { rules: noSampling, problems: [`its sampling rules cannot be read: ${samplings}`] };
  }
  const byPath: PathRule[] = [];
  const problems: string[] = [];
  let other: SamplingRule | undefined;
  for (const { uriRegex, ...rule } of samplings) {
    if (uriRegex === undefined) {
      other ??= rule;
      continue;
    }
    try {
      byPath.push({ matches: makeMatcher(uriRegex), rule });
    } catch (error) {
      const named = JSON.stringify(uriRegex.slice(0, 100));
      problems.push(`its sampling rule for ${named} is left out: ${(error as Error).message}`);
    }
  }
  return { rules: new SamplingRules(byPath, other), problems };
}

/**
 * The rules of a task that a policy started, as the OAP is told them (see toTaskReport): everything of the requests that
 * tripped it, of all requests where it was none of HTTP. What is a path there is compared as such, not as an expression.
 */
export function samplingOfCause({ uri, variant }: Cause): SamplingRules {
  if (uri === "") return new SamplingRules([], everything);
  const matches = variant.split(" ").includes("regex")
    ? makeMatcher(uri)
    : (path: string) => isPath(path, uri);
  return new SamplingRules([{ matches, rule: everything }], undefined);
}

/** Finds the expression anywhere in a path, in time linear to it. @throws {Error} when it is none. */
function makeMatcher(regex: string): (path: string) => boolean {
  if (regex.length > longestRegex) {
    throw new RangeError(`An expression of ${regex.length} characters is too long, ${longestRegex} are read`);
  }
  const expression = RE2JS.compile(regex);
  return (path) => expression.matcher(path).find();
}

/** Of a path that was cut, as far as it is there. */
function isPath(path: string, wanted: string): boolean {
  if (!path.endsWith("…")) return path === wanted;
  const start = path.slice(0, -1);
  return wanted.length > start.length && wanted.startsWith(start);
}
