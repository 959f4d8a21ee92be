import type { SeenPath } from "../../gen/stakeout/v1/policy_service_pb.ts";
import type { RuleDraft } from "./policy_draft.ts";

/** Blanks part the paths of a rule in the form, so a path with one can't be put there; agents compare 119 bytes. */
const fits = /^\/[!-~]{0,118}$/;

/** What of the paths seen can be put into a rule: paths themselves, or what many of them begin with; most requests first. */
export function offeredPaths(kind: RuleDraft["uriKind"], seen: readonly SeenPath[]): string[] {
  const paths = seen.filter(({ path }) => fits.test(path));
  if (kind === "regex") return [];
  if (kind !== "prefixes") return [...new Set(paths.map(({ path }) => path))];
  const requests = new Map<string, bigint>();
  for (const { path, requests: count } of paths) {
    for (const prefix of prefixesOf(path)) requests.set(prefix, (requests.get(prefix) ?? 0n) + count);
  }
  return [...requests].sort(([, one], [, two]) => Number(two - one)).map(([prefix]) => prefix);
}

/** `/api/` and `/api/pay/` of `/api/pay/23`; a path of one part is its own. */
function prefixesOf(path: string): string[] {
  const ends = [...path.matchAll(/\//g)].map(({ index }) => index + 1).slice(1, 3);
  return ends.length === 0 ? [path] : ends.map((end) => path.slice(0, end));
}

/** Puts a path into a rule, or takes it out again; a rule on all requests becomes one on this path. */
export function togglePath(rule: RuleDraft, path: string): Pick<RuleDraft, "uriKind" | "uri"> {
  const chosen = chosenPaths(rule);
  const next = chosen.includes(path) ? chosen.filter((one) => one !== path) : [...chosen, path];
  if (next.length === 0) return { uriKind: "", uri: "" };
  return { uriKind: rule.uriKind === "prefixes" ? "prefixes" : "paths", uri: next.join(" ") };
}

/** Paths or prefixes that stand in a rule. */
export function chosenPaths({ uriKind, uri }: RuleDraft): string[] {
  return uriKind === "paths" || uriKind === "prefixes" ? uri.split(/\s+/).filter((word) => word !== "") : [];
}
