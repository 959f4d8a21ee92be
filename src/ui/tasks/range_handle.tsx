/** One end of a chosen range, moved with arrow keys (Shift: ten seconds), Home and End. */
export function RangeHandle({ label, value, limits, text, onMove }: {
  label: string;
  value: number;
  limits: { lowest: number; highest: number; whole: number };
  /** The value in words. */
  text: string;
  onMove: (value: number) => void;
}) {
  const { lowest, highest, whole } = limits;
  return (
    <span
      class="range-handle"
      role="slider"
      tabIndex={0}
      aria-label={label}
      aria-valuemin={lowest}
      aria-valuemax={highest}
      aria-valuenow={value}
      aria-valuetext={text}
      style={{ left: `${(value / whole) * 100}%` }}
      onKeyDown={(event) => {
        const step = event.shiftKey ? 10 : 1;
        const moves: Readonly<Record<string, number>> = {
          ArrowLeft: value - step,
          ArrowDown: value - step,
          ArrowRight: value + step,
          ArrowUp: value + step,
          Home: lowest,
          End: highest,
        };
        const wanted = moves[event.key];
        if (wanted === undefined) return;
        event.preventDefault();
        onMove(Math.max(lowest, Math.min(highest, wanted)));
      }}
    />
  );
}
