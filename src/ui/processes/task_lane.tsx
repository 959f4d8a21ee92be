import type { Task } from "../../gen/stakeout/v1/task_pb.ts";
import { nowUnixMs } from "../time.ts";
import { describeCause, stateWords } from "../words.ts";
import { formatLocalTime } from "../time.ts";
import { showInvisible } from "../format.ts";
import { type ChartInput, isOwnCause } from "./chart_input.ts";

/** Tasks as bars on a chart's time axis; each leads to its page. Those that this metric tripped are amber. */
export function TaskLane({ tasks, fromUnixMs, toUnixMs, series }: {
  tasks: readonly Task[];
  fromUnixMs: number;
  toUnixMs: number;
  series: Pick<ChartInput, "metric" | "uri" | "variant">;
}) {
  const span = toUnixMs - fromUnixMs;
  const shown = tasks.filter((task) => {
    const end = task.endedAtUnixMs === 0n ? nowUnixMs() : Number(task.endedAtUnixMs);
    return end > fromUnixMs && Number(task.startedAtUnixMs) < toUnixMs;
  });
  if (shown.length === 0 || span <= 0) return null;
  return (
    <ul class="task-lane" aria-label="Tasks in this time">
      {shown.map((task) => {
        const start = Math.max(fromUnixMs, Number(task.startedAtUnixMs));
        const end = task.endedAtUnixMs === 0n ? toUnixMs : Math.min(toUnixMs, Number(task.endedAtUnixMs));
        const left = ((start - fromUnixMs) / span) * 100;
        const width = Math.max(0.4, ((end - start) / span) * 100);
        const words = showInvisible(
          `${task.policy || "by hand"}: ${describeCause(task.cause)}, ${
            formatLocalTime(Number(task.startedAtUnixMs))
          }, ${stateWords(task.state).text}`,
        );
        return (
          <li key={task.id} style={{ left: `${left}%`, width: `${width}%` }}>
            <a
              href={`/tasks/${task.id}`}
              class={isOwnCause(task.cause, series) ? "own" : ""}
              title={words}
              aria-label={words}
            >
              <span>{task.policy || "by hand"}</span>
            </a>
          </li>
        );
      })}
    </ul>
  );
}
