import { formatMetricValue, metrics } from "./metric.ts";
import type { Rule } from "./policy.ts";

/**
 * Everything of a rule, but for its metric and URI, that decides which value a second has: words as in `Series.variant` of
 * the wire, `""` for rules on other metrics and for all requests of the server side. Rules with the same metric, URI and
 * variant read one series.
 */
export function seriesVariant({ metric, uri, role, errors, includePending, threshold }: Rule): string {
  if (!metrics[metric].http) return "";
  const words: string[] = [];
  if (uri !== undefined) words.push("paths" in uri ? "path" : "prefixes" in uri ? "prefix" : "regex");
  if (role === "client") words.push("client");
  if (metric === "http_error_rate" && errors === "5xx") words.push("5xx");
  if (metrics[metric].unit === "milliseconds" && includePending) words.push(`pending>${threshold}`);
  return words.join(" ");
}

/**
 * Which requests an HTTP series is about, as the end of a sentence: ` on /api/pay*, as client, only 5xx`; `""` for all of
 * the server side. A path is what clients made it.
 */
export function describeSeries({ uri, variant }: { readonly uri: string; readonly variant: string }): string {
  const words = variant.split(" ");
  const shown = words.includes("prefix") ? `${uri}*` : words.includes("regex") ? `/${uri}/` : uri;
  const parts = [uri === "" ? "" : ` on ${shown}`];
  if (words.includes("client")) parts.push(uri === "" ? " as client" : ", as client");
  if (words.includes("5xx")) parts.push(", only 5xx");
  const pending = words.find((word) => word.startsWith("pending>"));
  if (pending !== undefined) {
    const longerMs = Number(pending.slice("pending>".length));
    parts.push(`, in flight over ${formatMetricValue("http_avg_response_time", longerMs)} too`);
  }
  return parts.join("");
}
