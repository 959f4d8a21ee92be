import type { PolicyValue } from "../../gen/stakeout/v1/policy_service_pb.ts";
import { Name } from "../components/name.tsx";
import { formatValue } from "../format.ts";

/** The threshold stands at this share of the bar, so that values beyond it show too. */
const thresholdShare = 0.7;

/** The newest value of a metric as a bar, with the threshold as a line across it. */
export function ValueMeter({ value: { metric, uri, value, threshold } }: { value: PolicyValue }) {
  const share = threshold > 0 ? Math.min(1, (value / threshold) * thresholdShare) : 0;
  const over = value >= threshold;
  const words = `${metric}${uri === "" ? "" : ` on ${uri}`}: ${formatValue(metric, value)} of ${
    formatValue(metric, threshold)
  }`;
  return (
    <div class="value" title={words}>
      <span class="value-name">
        <Name text={uri || metric} />
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
