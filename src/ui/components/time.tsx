import { useEffect, useState } from "preact/hooks";
import { formatAgo } from "../format.ts";
import { formatLocalTime, formatUtc, nowUnixMs } from "../time.ts";

/** A moment in local time with its zone; UTC on hover. */
export function Time({ unixMs }: { unixMs: number | bigint }) {
  const at = Number(unixMs);
  if (at === 0) return <span class="muted">never</span>;
  return (
    <time class="number" dateTime={new Date(at).toISOString()} title={formatUtc(at)}>
      {formatLocalTime(at)}
    </time>
  );
}

/** A moment by its distance, kept current; local time and UTC on hover. */
export function Ago({ unixMs }: { unixMs: number | bigint }) {
  const now = useNow(1000);
  const at = Number(unixMs);
  if (at === 0) return <span class="muted">never</span>;
  return (
    <time
      class="number"
      dateTime={new Date(at).toISOString()}
      title={`${formatLocalTime(at)}\n${formatUtc(at)}`}
    >
      {formatAgo((now - at) / 1000)}
    </time>
  );
}

/** Wall time that moves on by itself while the component is shown. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(nowUnixMs);
  useEffect(() => {
    const timer = setInterval(() => setNow(nowUnixMs()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
