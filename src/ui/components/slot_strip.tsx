import type { Cause } from "../../gen/stakeout/v1/task_pb.ts";
import { describeCause } from "../words.ts";
import { showInvisible } from "../format.ts";
import { slotBars } from "../tasks/slot_bars.ts";
import { barWords } from "../tasks/slot_words.ts";

const height = 22;

/** The window that tripped, small enough for a row: a bar a second, amber where it counted. */
export function SlotStrip({ cause, width = 72 }: { cause: Cause | undefined; width?: number }) {
  if (cause === undefined || cause.slots.length === 0) return null;
  const { bars, lineY } = slotBars(cause, { width, height, mostBars: 40 });
  return (
    <svg
      class="strip"
      width={width}
      height={height}
      role="img"
      aria-label={showInvisible(describeCause(cause))}
    >
      {bars.map((bar) => (
        <g key={bar.first}>
          <title>{barWords(cause, bar)}</title>
          <rect class="cause-hit" x={bar.x} y="0" width={bar.width} height={height} />
          {bar.empty
            ? <rect class="slot-empty" x={bar.x} y={height - 3} width={bar.width} height="2.5" />
            : (
              <rect
                class={bar.counted ? "slot-trip" : "slot-value"}
                x={bar.x}
                y={bar.y}
                width={bar.width}
                height={height - bar.y}
              />
            )}
        </g>
      ))}
      <line class="slot-line" x1="0" x2={width} y1={lineY} y2={lineY} />
    </svg>
  );
}
