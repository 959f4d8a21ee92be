import { type LossCounts, ProfileKind } from "../../gen/stakeout/v1/task_pb.ts";
import { formatCount } from "../format.ts";

/** The account of a task's samples and waits: `taken 5,940 = stored 5,938 + lost 2`. */
export function LossLine({ loss, kinds, running }: {
  loss: LossCounts | undefined;
  kinds: readonly ProfileKind[];
  running: boolean;
}) {
  if (loss === undefined || loss.taken === 0n) return null;
  const lost = loss.lostKernel + loss.lostAgent;
  const where = lost === 0n
    ? ""
    : ` (${formatCount(loss.lostKernel)} in the kernel, ${formatCount(loss.lostAgent)} in the agent)`;
  const open = loss.taken - loss.stored - lost;
  const waits = kinds.includes(ProfileKind.OFF_CPU);
  const counted = waits ? kinds.includes(ProfileKind.ON_CPU) ? "Samples and waits" : "Waits" : "Samples";
  return (
    <p class="lede number loss">
      {counted}: taken {formatCount(loss.taken)} = stored {formatCount(loss.stored)} + lost{" "}
      <span class={lost > 0n ? "bad" : ""}>{formatCount(lost)}</span>
      {where}
      {open > 0n && running && ` + ${formatCount(open)} on the way`}.
      {loss.truncated > 0n && ` ${formatCount(loss.truncated)} have a stack cut at 127 frames.`}
    </p>
  );
}
