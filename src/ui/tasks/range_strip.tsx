import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { useWidth } from "../components/use_width.ts";
import { formatSpan } from "../format.ts";
import { paintVersion } from "../theme.ts";
import { formatLocalClock } from "../time.ts";
import { drawSeconds } from "./draw_seconds.ts";
import { RangeHandle } from "./range_handle.tsx";
import { type SecondRange, wholeRange } from "./second_range.ts";

const height = 46;

/** Weight of each second of a task; a part can be chosen with the mouse or with the keys of its two handles. */
export function RangeStrip({ seconds, startUnixMs, describe, range, onRange }: {
  seconds: readonly number[];
  startUnixMs: number;
  /** A sum of seconds in words. */
  describe: (weight: number) => string;
  range: SecondRange;
  onRange: (range: SecondRange) => void;
}) {
  const { ref, width } = useWidth<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [brush, setBrush] = useState<{ anchor: number; at: number }>();
  const count = seconds.length;
  const isWhole = range.from === 0 && range.to === 0;
  const shown = brush === undefined
    ? isWhole ? { from: 0, to: count } : { from: range.from, to: Math.min(range.to, count) }
    : { from: Math.min(brush.anchor, brush.at), to: Math.max(brush.anchor, brush.at) + 1 };
  const version = paintVersion.value;

  useLayoutEffect(() => {
    if (canvas.current !== null && width > 0) drawSeconds(canvas.current, { seconds, width, height, shown });
  }, [seconds, width, shown.from, shown.to, version]);

  if (count === 0) return null;
  const choose = (from: number, to: number) =>
    onRange(from <= 0 && to >= count ? wholeRange : { from: Math.max(0, from), to: Math.min(count, to) });
  const secondAt = (event: PointerEvent) => {
    const box = ref.current?.getBoundingClientRect();
    const share = box === undefined ? 0 : (event.clientX - box.left) / box.width;
    return Math.max(0, Math.min(count - 1, Math.floor(share * count)));
  };
  const clock = (second: number) => formatLocalClock(startUnixMs + second * 1000);
  const weight = seconds.slice(shown.from, shown.to).reduce((sum, one) => sum + one, 0);
  return (
    <div class="range">
      <div
        class="range-strip"
        ref={ref}
        onPointerDown={(event) => {
          if (event.button !== 0 || (event.target as Element).closest("[role=slider]") !== null) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          const second = secondAt(event);
          setBrush({ anchor: second, at: second });
        }}
        onPointerMove={(event) => brush !== undefined && setBrush({ ...brush, at: secondAt(event) })}
        onPointerUp={() => {
          if (brush === undefined) return;
          setBrush(undefined);
          choose(shown.from, shown.to);
        }}
        onPointerCancel={() => setBrush(undefined)}
        onDblClick={() => onRange(wholeRange)}
      >
        <canvas ref={canvas} style={{ width: `${width}px`, height: `${height}px` }} />
        <RangeHandle
          label="Start of the range"
          value={shown.from}
          limits={{ lowest: 0, highest: shown.to - 1, whole: count }}
          text={`${shown.from} s, ${clock(shown.from)}`}
          onMove={(second) => choose(second, shown.to)}
        />
        <RangeHandle
          label="End of the range"
          value={shown.to}
          limits={{ lowest: shown.from + 1, highest: count, whole: count }}
          text={`${shown.to} s, ${clock(shown.to)}`}
          onMove={(second) => choose(shown.from, second)}
        />
      </div>
      <div class="range-words number">
        <span>{clock(0)}</span>
        <span>
          {isWhole && brush === undefined ? <>All {formatSpan(count)}; drag to look at a part</> : (
            <>
              {clock(shown.from)} to {clock(shown.to)}: {formatSpan(shown.to - shown.from)},{" "}
              {describe(weight)}{" "}
              <button type="button" class="link" onClick={() => onRange(wholeRange)}>Whole task</button>
            </>
          )}
        </span>
        <span>{clock(count)}</span>
      </div>
    </div>
  );
}
