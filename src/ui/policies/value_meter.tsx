import type { PolicyValue } from "../../gen/stakeout/v1/policy_service_pb.ts";
import { Name } from "../components/name.tsx";
import { describeSeries } from "../../model/series.ts";
import { formatValue, showInvisible } from "../format.ts";

/** The threshold stands at this share of the bar, so that values beyond it show too. */
const thresholdShare = 0.7;

/** The newest value of a metric as a bar, with the threshold as a line across it. */
export function ValueMeter({ value: { metric, uri, variant, value, threshold } }: { value: PolicyValue }) {
  const share = threshold > 0 ? Math.min(1, (value / threshold) * thresholdShare) : 0;
  const over = value >= threshold;
  const name = `${metric}${describeSeries({ uri, variant })}`;
  const words = `${name}: ${formatValue(metric, value)} of ${formatValue(metric, threshold)}`;
  return (
    <div class="value" title={showInvisible(words)}>
      <span class="value-name">
        <Name text={name} />
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
