import type { SwitchCounts } from "../../gen/stakeout/v1/profile_pb.ts";
import type { Task } from "../../gen/stakeout/v1/task_pb.ts";
import { formatCount, formatWeight } from "../format.ts";

/** What an off-CPU profile is made of: the threads' switches, how many were taken, and what the minimum left out. */
export function SwitchLine({ task, switches }: { task: Task; switches: SwitchCounts | undefined }) {
  if (switches === undefined || switches.switches === 0n) return null;
  const { involuntary, picked, brief, briefNs } = switches;
  const voluntary = switches.switches - involuntary;
  const oneIn = Number(switches.switches) / Math.max(1, Number(picked));
  return (
    <p class="lede number switch-line">
      {formatCount(switches.switches)} switches: {formatCount(voluntary)} of the threads' own will,{" "}
      {formatCount(involuntary)} preempted or yielded. {picked === switches.switches
        ? "Every one was taken. "
        : `They were many: one in ${oneIn.toFixed(1)} was taken, at random, and weights are scaled. `}
      {brief > 0n &&
        `${formatCount(brief)} waits shorter than ${
          formatWeight(Number(task.offCpuMinimumNs), "nanoseconds")
        }, ${formatWeight(Number(briefNs), "nanoseconds")} in all, are left out.`}
    </p>
  );
}
