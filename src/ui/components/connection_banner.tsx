import { connection, lostSinceUnixMs, reconnect } from "../live.ts";
import { formatLocalClock } from "../time.ts";
import { useNow } from "./time.tsx";

const graceMs = 1500;

/** Says that what is shown is old, once the stream has been away for more than a moment. */
export function ConnectionBanner() {
  const now = useNow(1000);
  const since = lostSinceUnixMs.value;
  if (connection.value !== "lost" || since === 0 || now - since < graceMs) return null;
  return (
    <div class="banner" role="alert">
      <span>
        Connection to the backend lost at{" "}
        {formatLocalClock(since)}. What you see is from then; agents go on watching and profiling.
      </span>
      <button type="button" class="button small" onClick={reconnect}>Reconnect now</button>
    </div>
  );
}
