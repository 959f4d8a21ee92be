import { useState } from "preact/hooks";
import type { Cause } from "../../gen/stakeout/v1/task_pb.ts";
import { useWidth } from "../components/use_width.ts";
import { formatValue, showInvisible } from "../format.ts";
import { formatLocalClock, formatZone } from "../time.ts";
import { describeCause } from "../words.ts";
import { type SlotBar, slotBars } from "./slot_bars.ts";
import { barWords, slotStartMs } from "./slot_words.ts";

const height = 132;
const left = 8;
const right = 76;
const widestBar = 84;

/** The window as bars over time with the threshold's line; what one bar is shows under the pointer and by arrow keys. */
export function CauseChart({ cause }: { cause: Cause }) {
  const { ref, width } = useWidth<HTMLDivElement>();
  const [chosen, setChosen] = useState<number>();
  const inner = Math.min(Math.max(0, width - left - right), cause.slots.length * widestBar);
  const { bars, lineY } = slotBars(cause, {
    width: inner,
    height,
    mostBars: Math.max(1, Math.floor(inner / 3)),
  });
  const endMs = Number(cause.atUnixMs);
  const startMs = slotStartMs(cause, 0);
  const threshold = formatValue(cause.metric, cause.threshold);
  const perBar = bars[0]?.slots ?? 1;
  const bar = chosen === undefined ? undefined : bars[Math.min(chosen, bars.length - 1)];
  const onKeyDown = (event: KeyboardEvent) => {
    const last = bars.length - 1;
    const from = chosen ?? last + 1;
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    setChosen(Math.min(last, Math.max(0, to)));
  };
  return (
    <div class="cause-chart" ref={ref}>
      {inner > 0 && (
        <svg
          class="cause-bars"
          width={width}
          height={height + 26}
          role="img"
          aria-label={`${showInvisible(describeCause(cause))}. Arrow keys go through its seconds`}
          tabIndex={0}
          onKeyDown={onKeyDown}
          onFocus={() => setChosen((one) => one ?? bars.length - 1)}
          onBlur={() => setChosen(undefined)}
          onPointerLeave={() => setChosen(undefined)}
        >
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
            {bars.map((one, index) => (
              <Bar
                key={one.first}
                bar={one}
                chosen={one === bar}
                onPoint={() => setChosen(index)}
              />
            ))}
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
      <p class="cause-readout number" aria-live="polite">
        {bar === undefined
          ? <span class="muted">Point at a bar, or go through them with the arrow keys.</span>
          : barWords(cause, bar)}
      </p>
      {perBar > 1 && <p class="muted">Each bar is the highest of {perBar} seconds.</p>}
    </div>
  );
}

function Bar({ bar, chosen, onPoint }: { bar: SlotBar; chosen: boolean; onPoint: () => void }) {
  const place = { x: bar.x, y: bar.y, width: bar.width, height: height - bar.y };
  return (
    <g class={chosen ? "cause-bar chosen" : "cause-bar"} onPointerEnter={onPoint}>
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
