import type { TaskState } from "../../gen/stakeout/v1/task_pb.ts";
import { stateWords } from "../words.ts";

/** Where a task is in its life. */
export function StateBadge({ state }: { state: TaskState }) {
  const { text, tone } = stateWords(state);
  return (
    <span class="state">
      <span class={`dot ${tone}`} />
      {text}
    </span>
  );
}
