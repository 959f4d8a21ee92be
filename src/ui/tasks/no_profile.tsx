import { type Task, TaskState } from "../../gen/stakeout/v1/task_pb.ts";
import { Empty } from "../components/empty.tsx";

/** Why a task has no profile to show, and what to expect. */
export function NoProfile({ task }: { task: Task }) {
  switch (task.state) {
    case TaskState.RUNNING:
      return (
        <Empty title="Profiling has begun">
          <p>What is seen arrives every five seconds; the profile appears by itself.</p>
        </Empty>
      );
    case TaskState.FAILED:
      return (
        <Empty title="No profile was taken">
          <p>
            The reason stands above. <code>stakeout doctor</code>{" "}
            on the host tells what profiling needs there.
          </p>
        </Empty>
      );
    case TaskState.TARGET_EXITED:
      return (
        <Empty title="The process ended before a sample was taken">
          <p>The window above still shows why the rule tripped.</p>
        </Empty>
      );
    default:
      return (
        <Empty title="No samples">
          <p>
            The process did not run on a CPU while the task did, or its profile was dropped from a full queue:
            see the host's counters on the overview.
          </p>
        </Empty>
      );
  }
}
