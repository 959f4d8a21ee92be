import type { PolicyValue } from "../../gen/stakeout/v1/policy_service_pb.ts";
import { Name } from "../components/name.tsx";
import { describeSeries } from "../../model/series.ts";
import { formatValue, showInvisible } from "../format.ts";
import { describeRequests } from "../words.ts";

/** The threshold stands at this share of the bar, so that values beyond it show too. */
const thresholdShare = 0.7;

const shortNames: Readonly<Record<string, string>> = {
  http_request_rate: "requests",
  http_error_rate: "errors",
  http_avg_response_time: "mean",
  http_p50_response_time: "p50",
  http_p95_response_time: "p95",
  http_p99_response_time: "p99",
};

/** The newest value of a metric as a bar, with the threshold as a line across it. */
export function ValueMeter({ value: { metric, uri, variant, value, threshold } }: { value: PolicyValue }) {
  const share = threshold > 0 ? Math.min(1, (value / threshold) * thresholdShare) : 0;
  const over = value >= threshold;
  // What the bar is about fits into little room; the whole shows on hover.
  const kind = variant.split(" ").filter((word) => ["prefix", "regex", "client"].includes(word)).join(" ");
  const name = `${metric}${describeSeries({ uri, variant })}`;
  const words = `${name}: ${formatValue(metric, value)} of ${formatValue(metric, threshold)}`;
  return (
    <div class="value" title={showInvisible(words)}>
      <span class="value-name">
        <Name
          text={`${shortNames[metric] ?? metric} ${
            describeRequests({ uri, variant: kind }).replace(/^on /, "")
          }`.trim()}
        />
      </span>
      <span class="value-bar" aria-hidden="true">
        <i class={over ? "over" : ""} style={{ width: `${share * 100}%` }} />
        <b style={{ left: `${thresholdShare * 100}%` }} />
      </span>
      <span class={over ? "number trip" : "number"}>
        {formatValue(metric, value)} <span class="muted">of {formatValue(metric, threshold)}</span>
      </span>
    </div>
  );
}
