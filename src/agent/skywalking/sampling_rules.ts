import { RE2JS } from "re2js";
import * as z from "zod";
import type { Cause } from "../../gen/stakeout/v1/task_pb.ts";

/** What is to be sampled of requests. */
export interface SamplingRule {
  /** A faster request is no sample. */
  readonly minimumMs: number;
  readonly when4xx: boolean;
  readonly when5xx: boolean;
  /** Whether the request is told as an event of its span, and whether the response is. */
  readonly tellsRequest: boolean;
  readonly tellsResponse: boolean;
}

/** What a user's rules are, and what is wrong with those that are left out, a sentence each. */
export interface ReadSamplingRules {
  readonly rules: SamplingRules;
  readonly problems: readonly string[];
}

const mostRules = 32;
/** As of policies. */
const longestRegex = 256;
const wholeRule: SamplingRule = {
  ...{ minimumMs: 0, when4xx: true, when5xx: true, tellsRequest: true, tellsResponse: true },
};

/** Nothing else of it is looked at; null is as if it were not there. */
const schema = z.object({
  NetworkSamplings: z.array(z.object({
    URIRegex: z.string().nullish(),
    MinDuration: z.number().nonnegative().nullish(),
    When4xx: z.boolean().nullish(),
    When5xx: z.boolean().nullish(),
    Settings: z.object({
      RequireCompleteRequest: z.boolean().nullish(),
      RequireCompleteResponse: z.boolean().nullish(),
    }).nullish(),
  })).max(mostRules).nullish(),
}).nullable();

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

/** A task that nobody wants samples of. */
export const noSampling: SamplingRules = new SamplingRules([], undefined);

/**
 * Reads the rules of a user.
 * Source: argument ExtensionConfigJSON of the command EBPFProfilingTaskQuery.
 * Shape: {NetworkSamplings: [{URIRegex, MinDuration, When4xx, When5xx, Settings}]}, every field of it may be null or missing;
 * `null` and `""` are no rules. A rule without an expression is for all paths that no other is for; the first one of those counts.
 * Units: MinDuration is in milliseconds.
 * Limits: 32 rules, expressions of 256 characters in RE2's dialect; how much of a message Settings ask for is not looked at.
 * Loss: `problems`, for the log.
 */
export function readSamplingRules(json: string): ReadSamplingRules {
  if (json === "") return { rules: noSampling, problems: [] };
  const parsed = schema.safeParse(parseJson(json));
  if (!parsed.success) {
    return {
      rules: noSampling,
      problems: [`its sampling rules cannot be read: ${describeIssue(parsed.error)}`],
    };
  }
  const byPath: PathRule[] = [];
  const problems: string[] = [];
  let other: SamplingRule | undefined;
  for (const sampling of parsed.data?.NetworkSamplings ?? []) {
    const { URIRegex: regex, MinDuration, When4xx, When5xx, Settings } = sampling;
    const rule = {
      ...{ minimumMs: MinDuration ?? 0, when4xx: When4xx ?? false, when5xx: When5xx ?? false },
      tellsRequest: Settings?.RequireCompleteRequest ?? false,
      tellsResponse: Settings?.RequireCompleteResponse ?? false,
    };
    if (regex === null || regex === undefined) {
      other ??= rule;
      continue;
    }
    try {
      byPath.push({ matches: makeMatcher(regex), rule });
    } catch (error) {
      problems.push(
        `its sampling rule for ${JSON.stringify(regex.slice(0, 100))} is left out: ${
          (error as Error).message
        }`,
      );
    }
  }
  return { rules: new SamplingRules(byPath, other), problems };
}

/**
 * The rules of a task that a policy started, as the OAP is told them (see toTaskReport): everything of the requests that
 * tripped it, of all requests where it was none of HTTP. What is a path there is compared as such, not as an expression.
 */
export function samplingOfCause({ uri, variant }: Cause): SamplingRules {
  if (uri === "") return new SamplingRules([], wholeRule);
  const matches = variant.split(" ").includes("regex")
    ? makeMatcher(uri)
    : (path: string) => isPath(path, uri);
  return new SamplingRules([{ matches, rule: wholeRule }], undefined);
}

/** Finds the expression anywhere in a path, in time linear to it. @throws {Error} when it is none. */
function makeMatcher(regex: string): (path: string) => boolean {
  if (regex.length > longestRegex) {
    throw new RangeError(`it has ${regex.length} characters, at most ${longestRegex} are read`);
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

/** Undefined, which no schema takes, for what is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function describeIssue({ issues: [issue] }: z.ZodError): string {
  const path = issue?.path.join(".") ?? "";
  return path === "" ? "it is not the JSON that is expected" : `${path}: ${issue?.message}`;
}
