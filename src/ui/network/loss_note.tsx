import type { NetworkProfile } from "../../gen/stakeout/v1/network_pb.ts";
import { formatCount } from "../format.ts";
import { listLimits, listLosses } from "./loss_words.ts";

/** One line on what the profile could not tell; all of it when opened. Nothing when there is nothing. */
export function LossNote({ profile }: { profile: NetworkProfile }) {
  const losses = listLosses(profile);
  const limits = listLimits(profile);
  const all = [...losses, ...limits];
  if (all.length === 0) return null;
  const [first, ...others] = losses;
  const summary = [
    first ?? "nothing was lost",
    ...others.length > 0 ? [`${formatCount(others.length)} more`] : [],
    ...limits.length > 0
      ? [
        limits.length === 1
          ? "one limit of this profile"
          : `${formatCount(limits.length)} limits of this profile`,
      ]
      : [],
  ];
  return (
    <details class="could-not">
      <summary>What could not be told: {summary.join("; ")}</summary>
      <ul>{all.map((text) => <li key={text}>{text}.</li>)}</ul>
    </details>
  );
}
