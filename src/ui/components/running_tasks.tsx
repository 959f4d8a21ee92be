import { TaskState } from "../../gen/stakeout/v1/task_pb.ts";
import { api } from "../api.ts";
import { useQuery } from "../use_query.ts";

/** How many tasks run now, on every screen; nothing when none does. */
export function RunningTasks() {
  const { data } = useQuery(
    "running",
    (signal) => api.tasks.listTasks({ states: [TaskState.RUNNING], limit: 1 }, { signal }),
    { topics: ["tasks"], atMostEveryMs: 2000 },
  );
  if (data === undefined || data.total === 0) return null;
  return (
    <a class="profiling" href="/tasks?state=running">
      <span class="dot trip" />
      {data.total} profiling
    </a>
  );
}
