import { formatPercent } from "../format.ts";

/** CPU of one core in figures and as a bar against the highest of its table. */
export function CpuMeter({ percent, highest }: { percent: number; highest: number }) {
  return (
    <span class="cpu-meter">
      <span class="number cpu-figure">{formatPercent(percent)}</span>
      <span class="cpu-bar" aria-hidden="true">
        <span style={{ width: `${Math.min(100, (percent / highest) * 100)}%` }} />
      </span>
    </span>
  );
}
