import { api } from "../api.ts";
import { Answer } from "../components/answer.tsx";
import { Panel } from "../components/panel.tsx";
import { formatCount } from "../format.ts";
import { TaskTable } from "../tasks/task_table.tsx";
import { useQuery } from "../use_query.ts";

const most = 10;

/** The newest tasks that the policy started. */
export function PolicyTasks({ name }: { name: string }) {
  const query = useQuery(name, (signal) => api.tasks.listTasks({ policy: name, limit: most }, { signal }), {
    topics: ["tasks"],
  });
  const total = query.data?.total ?? 0;
  return (
    <Panel
      title="Tasks"
      count={query.data === undefined ? undefined : formatCount(total)}
      end={total > most ? <a href={`/tasks?policy=${name}`}>All tasks</a> : undefined}
    >
      <Answer query={query}>
        {({ tasks }) =>
          tasks.length > 0 ? <TaskTable tasks={tasks} withPolicy={false} /> : (
            <p class="empty">
              None yet. One starts by itself when a process above reaches its threshold often enough.
            </p>
          )}
      </Answer>
    </Panel>
  );
}
