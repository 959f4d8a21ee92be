import type { LossCounts } from "../../gen/stakeout/v1/task_pb.ts";
import { formatCount } from "../format.ts";

/** The account of a task's samples: `taken 5,940 = stored 5,938 + lost 2`. */
export function LossLine({ loss, running }: { loss: LossCounts | undefined; running: boolean }) {
  if (loss === undefined || loss.taken === 0n) return null;
  const lost = loss.lostKernel + loss.lostAgent;
  const where = lost === 0n
    ? ""
    : ` (${formatCount(loss.lostKernel)} in the kernel, ${formatCount(loss.lostAgent)} in the agent)`;
  const open = loss.taken - loss.stored - lost;
  return (
    <p class="lede number loss">
      Samples: taken {formatCount(loss.taken)} = stored {formatCount(loss.stored)} + lost{" "}
      <span class={lost > 0n ? "bad" : ""}>{formatCount(lost)}</span>
      {where}
      {open > 0n && running && ` + ${formatCount(open)} on the way`}.
      {loss.truncated > 0n && ` ${formatCount(loss.truncated)} have a stack cut at 127 frames.`}
    </p>
  );
}
