import type { Cause } from "../../gen/stakeout/v1/task_pb.ts";
import { describeCause } from "../words.ts";
import { slotBars } from "../tasks/slot_bars.ts";

const height = 22;

/** The window that tripped, small enough for a row: a bar a second, amber where it counted. */
export function SlotStrip({ cause, width = 72 }: { cause: Cause | undefined; width?: number }) {
  if (cause === undefined || cause.slots.length === 0) return null;
  const { bars, lineY } = slotBars(cause, { width, height, mostBars: 40 });
  return (
    <svg class="strip" width={width} height={height} role="img" aria-label={describeCause(cause)}>
      {bars.map((bar, index) => (
        bar.empty
          ? <rect key={index} class="slot-empty" x={bar.x} y={height - 3} width={bar.width} height="2.5" />
          : (
            <rect
              key={index}
              class={bar.counted ? "slot-trip" : "slot-value"}
              x={bar.x}
              y={bar.y}
              width={bar.width}
              height={height - bar.y}
            />
          )
      ))}
      <line class="slot-line" x1="0" x2={width} y1={lineY} y2={lineY} />
    </svg>
  );
}
