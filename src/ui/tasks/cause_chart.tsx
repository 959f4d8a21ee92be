import type { Cause } from "../../gen/stakeout/v1/task_pb.ts";
import { useWidth } from "../components/use_width.ts";
import { formatValue } from "../format.ts";
import { formatLocalClock, formatZone } from "../time.ts";
import { describeCause } from "../words.ts";
import { type SlotBar, slotBars } from "./slot_bars.ts";

const height = 132;
const left = 8;
const right = 76;
const widestBar = 84;

/** The window as bars over time with the threshold's line. */
export function CauseChart({ cause }: { cause: Cause }) {
  const { ref, width } = useWidth<HTMLDivElement>();
  const inner = Math.min(Math.max(0, width - left - right), cause.slots.length * widestBar);
  const { bars, lineY } = slotBars(cause, {
    width: inner,
    height,
    mostBars: Math.max(1, Math.floor(inner / 3)),
  });
  const endMs = Number(cause.atUnixMs);
  const startMs = endMs - cause.slots.length * 1000;
  const threshold = formatValue(cause.metric, cause.threshold);
  const perBar = bars[0]?.slots ?? 1;
  return (
    <div class="cause-chart" ref={ref}>
      {inner > 0 && (
        <svg width={width} height={height + 26} role="img" aria-label={describeCause(cause)}>
          <defs>
            <pattern
              id="partial-hatch"
              width="6"
              height="6"
              patternUnits="userSpaceOnUse"
              patternTransform="rotate(45)"
            >
              <line class="slot-hatch" x1="0" x2="0" y1="0" y2="6" />
            </pattern>
          </defs>
          <g transform={`translate(${left}, 4)`}>
            {bars.map((bar) => <Bar key={bar.first} bar={bar} label={barWords(cause, bar, startMs)} />)}
            <line class="slot-line" x1="0" x2={inner + 6} y1={lineY} y2={lineY} />
            <text class="cause-threshold" x={inner + 10} y={lineY + 4}>≥ {threshold}</text>
            <line class="cause-base" x1="0" x2={inner} y1={height} y2={height} />
            <text class="cause-tick" x="0" y={height + 16}>{formatLocalClock(startMs)}</text>
            {inner > 190 && (
              <text class="cause-tick" x={inner} y={height + 16} text-anchor="end">
                tripped {formatLocalClock(endMs)} {inner > 260 ? formatZone(endMs) : ""}
              </text>
            )}
          </g>
        </svg>
      )}
      {perBar > 1 && <p class="muted">Each bar is the highest of {perBar} seconds.</p>}
    </div>
  );
}

function Bar({ bar, label }: { bar: SlotBar; label: string }) {
  const place = { x: bar.x, y: bar.y, width: bar.width, height: height - bar.y };
  return (
    <g class="cause-bar">
      <title>{label}</title>
      <rect class="cause-hit" x={bar.x} y="0" width={bar.width} height={height} />
      {bar.empty
        ? (
          <rect
            class="slot-empty"
            x={bar.x + 0.5}
            y={height * 0.72}
            width={Math.max(1, bar.width - 1)}
            height={height * 0.28}
          />
        )
        : <rect class={bar.counted ? "slot-trip" : "slot-value"} {...place} />}
      {bar.partial && <rect class="cause-partial" fill="url(#partial-hatch)" {...place} />}
    </g>
  );
}

function barWords(cause: Cause, bar: SlotBar, startMs: number): string {
  const at = formatLocalClock(startMs + bar.first * 1000);
  const when = bar.slots === 1
    ? at
    : `${at} to ${formatLocalClock(startMs + (bar.first + bar.slots - 1) * 1000)}`;
  if (bar.empty) return `${when}: no value observed, which is not zero`;
  const most = bar.slots === 1 ? "" : "at most ";
  const counted = bar.counted ? ", counted" : "";
  const partial = bar.partial ? ", partial: a mean over several seconds" : "";
  return `${when}: ${most}${formatValue(cause.metric, bar.value)}${counted}${partial}`;
}
