import * as z from "zod";

/** A rule of a user of SkyWalking for which requests of a network profile are sampled. */
export interface NetworkSampling {
  /** Not judged yet; undefined for all paths that no other rule is for. */
  readonly uriRegex: string | undefined;
  readonly minimumMs: number;
  readonly when4xx: boolean;
  readonly when5xx: boolean;
  readonly completeRequest: boolean;
  readonly completeResponse: boolean;
}

const mostRules = 32;

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

/**
 * Reads the rules of a network task; gives a sentence when it cannot.
 * Source: argument ExtensionConfigJSON of the command EBPFProfilingTaskQuery.
 * Shape: {NetworkSamplings: [{URIRegex, MinDuration, When4xx, When5xx, Settings}]}, every field of it may be null or missing;
 * `null` and `""` are no rules. Unknown keys are ignored, such as how much of a message Settings ask for.
 * Units: MinDuration is in milliseconds.
 * Limits: 32 rules.
 */
export function parseNetworkSamplings(json: string): NetworkSampling[] | string {
  if (json === "") return [];
  const parsed = schema.safeParse(parseJson(json));
  if (!parsed.success) return describeIssue(parsed.error);
  return (parsed.data?.NetworkSamplings ?? []).map((sampling) => ({
    uriRegex: sampling.URIRegex ?? undefined,
    minimumMs: sampling.MinDuration ?? 0,
    when4xx: sampling.When4xx ?? false,
    when5xx: sampling.When5xx ?? false,
    completeRequest: sampling.Settings?.RequireCompleteRequest ?? false,
    completeResponse: sampling.Settings?.RequireCompleteResponse ?? false,
  }));
}

/** Undefined, which the schema does not take, for what is no JSON. */
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
