import type { Task } from "../../gen/stakeout/v1/task_pb.ts";
import { Empty } from "../components/empty.tsx";
import { Panel } from "../components/panel.tsx";
import { TaskTable } from "../tasks/task_table.tsx";

/** The newest triggered tasks. */
export function RecentTasksPanel({ tasks, policies }: { tasks: readonly Task[]; policies: number }) {
  return (
    <Panel title="Recent tasks" end={tasks.length === 0 ? undefined : <a href="/tasks">All tasks</a>}>
      {tasks.length > 0 ? <TaskTable tasks={tasks} /> : policies === 0
        ? (
          <Empty title="Nothing can trip yet">
            <p>
              A policy says what “misbehaving” means for your processes. When one crosses it, its profile
              starts by itself and shows up here.
            </p>
            <a class="button primary" href="/new-policy">Write your first policy</a>
          </Empty>
        )
        : (
          <Empty title="Nothing has tripped so far">
            <p>
              Every second is judged. To see a policy work, lower a threshold under what the process does now:
              the policy's page shows current values beside it.
            </p>
            <a class="button" href="/policies">See the policies</a>
          </Empty>
        )}
    </Panel>
  );
}
