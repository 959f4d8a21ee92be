/** One condition as an OAP keeps it: numbers as in its JSON, not judged yet. */
export interface OapItem {
  /** PROCESS_CPU, …; may be one that this build does not know. */
  readonly monitor: string;
  readonly threshold: string;
  /** Seconds. */
  readonly period: number;
  readonly count: number;
  readonly uriList: readonly string[];
  /** `""` for none. */
  readonly uriRegex: string;
}

/** What one kind of task starts by: ON_CPU, OFF_CPU, NETWORK, or one that this build does not know. */
export interface OapTarget {
  readonly type: string;
  readonly items: readonly OapItem[];
}

/** What an OAP says of one service. */
export interface OapPolicy {
  readonly service: string;
  /** Of this policy; `""` when the OAP has none for the service any more. */
  readonly uuid: string;
  readonly targets: readonly OapTarget[];
}

/** OAPs have 3 targets with 5 conditions each. */
const mostEntries = 16;
/** One more than can be judged: a longer list is refused all the same. */
const mostUris = 33;

type Json = Readonly<Record<string, unknown>>;

/**
 * Reads the policies that an OAP sends.
 * Source: argument ServiceWithPolicyJSON of the command ContinuousProfilingPolicyQuery.
 * Shape: a list of {ServiceName, UUID, Profiling: {TARGET: {MONITOR: {Threshold, Period, Count, URIList, URIRegex}}}}.
 * Limits: of a service 16 targets with 16 conditions each, of a condition 33 different URIs; the rest is not read. Unknown
 * keys are ignored, values of other types are as if they were missing.
 * @throws {SyntaxError} when it is no such list
 */
export function parseOapPolicies(json: string): OapPolicy[] {
  const list: unknown = JSON.parse(json);
  if (!Array.isArray(list)) throw new SyntaxError("The policies are no list");
  return list.map((entry) => {
    const service = asObject(entry)["ServiceName"];
    const uuid = asObject(entry)["UUID"];
    if (typeof service !== "string" || service === "") {
      throw new SyntaxError("An entry of the policies has no ServiceName");
    }
    const profiling = Object.entries(asObject(asObject(entry)["Profiling"])).slice(0, mostEntries);
    return {
      service,
      uuid: typeof uuid === "string" ? uuid : "",
      targets: profiling.map(([type, monitors]) => ({
        type,
        items: Object.entries(asObject(monitors)).slice(0, mostEntries)
          .map(([monitor, item]) => readItem(monitor, asObject(item))),
      })),
    };
  });
}

function readItem(monitor: string, item: Json): OapItem {
  const { Threshold: threshold, URIList: list, URIRegex: regex } = item;
  return {
    monitor,
    threshold: typeof threshold === "string" || typeof threshold === "number" ? String(threshold) : "",
    period: Number(item["Period"]),
    count: Number(item["Count"]),
    uriList: Array.isArray(list) ? readUris(list) : [],
    uriRegex: typeof regex === "string" ? regex : "",
  };
}

function readUris(list: readonly unknown[]): string[] {
  const uris = new Set<string>();
  for (const uri of list) {
    if (uris.size >= mostUris) break;
    if (typeof uri === "string") uris.add(uri);
  }
  return [...uris];
}

function asObject(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Json : {};
}
