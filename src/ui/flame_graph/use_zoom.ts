import { useEffect, useRef, useState } from "preact/hooks";

/** Weights at the left and right edge of the graph. */
export interface ZoomRange {
  readonly from: number;
  readonly to: number;
}

const glideMs = 160;
const noMotion = matchMedia("(prefers-reduced-motion: reduce)");

/** Glides from one range to the next; jumps when `jumpKey` changes, for another tree has other weights. */
export function useZoom(target: ZoomRange, jumpKey: unknown): ZoomRange {
  const [shown, setShown] = useState(target);
  const newest = useRef({ shown: target, jumpKey });
  useEffect(() => {
    const start = newest.current.shown;
    const jump = newest.current.jumpKey !== jumpKey || noMotion.matches;
    newest.current.jumpKey = jumpKey;
    const show = (range: ZoomRange) => setShown(newest.current.shown = range);
    if (jump || (start.from === target.from && start.to === target.to)) {
      show(target);
      return;
    }
    const startedMs = performance.now();
    let frame = requestAnimationFrame(function glide(nowMs) {
      const share = Math.min(1, Math.max(0, (nowMs - startedMs) / glideMs));
      const eased = 1 - (1 - share) ** 3;
      show({
        from: start.from + (target.from - start.from) * eased,
        to: start.to + (target.to - start.to) * eased,
      });
      if (share < 1) frame = requestAnimationFrame(glide);
    });
    return () => cancelAnimationFrame(frame);
  }, [target.from, target.to, jumpKey]);
  return newest.current.jumpKey === jumpKey ? shown : target;
}
