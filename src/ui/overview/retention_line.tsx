import type { Retention } from "../../gen/stakeout/v1/query_service_pb.ts";
import { Time } from "../components/time.tsx";
import { formatBytes } from "../format.ts";

/** How long things are kept, and how full the store is. */
export function RetentionLine({ retention }: { retention: Retention | undefined }) {
  if (retention === undefined) return null;
  const { perSecondHours, minuteDays, taskDays, profileBytes, profileLimitBytes, databaseBytes } = retention;
  return (
    <p class="lede">
      Kept: every second for {perSecondHours} h, minutes for {minuteDays} days, tasks for {taskDays} days.
      {" "}
      Profiles fill {formatBytes(profileBytes)} of {formatBytes(profileLimitBytes)}, the database{" "}
      {formatBytes(databaseBytes)}.
      {retention.oldestTaskUnixMs > 0n && (
        <>
          {" "}Oldest task: <Time unixMs={retention.oldestTaskUnixMs} />.
        </>
      )}
    </p>
  );
}
