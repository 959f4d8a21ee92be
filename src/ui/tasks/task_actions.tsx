import { useState } from "preact/hooks";
import type { Task } from "../../gen/stakeout/v1/task_pb.ts";
import { api, explainError } from "../api.ts";
import { Failure } from "../components/answer.tsx";
import { ConfirmDialog } from "../components/confirm_dialog.tsx";
import { Icon } from "../components/icon.tsx";

const extensions = [[60, "1 min"], [300, "5 min"]] as const;

/** What can be done with a task that runs: let it run longer, or end it. */
export function TaskActions({ task }: { task: Task }) {
  const [asking, setAsking] = useState(false);
  const [stopping, setStopping] = useState(false);
  const [failure, setFailure] = useState("");
  const stop = async () => {
    setAsking(false);
    setStopping(true);
    try {
      await api.tasks.stopTask({ id: task.id });
      setFailure("");
    } catch (error) {
      setFailure(explainError(error));
      setStopping(false);
    }
  };
  const extend = async (seconds: number) => {
    try {
      await api.tasks.extendTask({ id: task.id, seconds });
      setFailure("");
    } catch (error) {
      setFailure(explainError(error));
    }
  };
  const silence = task.policy === ""
    ? ""
    : " The policy's silence goes on, so it will not start again at once.";
  return (
    <div class="stop">
      <div class="task-actions" role="group" aria-label="This task">
        {extensions.map(([seconds, title]) => (
          <button
            key={seconds}
            type="button"
            class="button"
            disabled={stopping}
            onClick={() => void extend(seconds)}
          >
            <Icon name="plus" />
            {title}
          </button>
        ))}
        <button type="button" class="button danger" disabled={stopping} onClick={() => setAsking(true)}>
          <Icon name="stop" />
          {stopping ? "Stopping…" : "Stop profiling"}
        </button>
      </div>
      {failure !== "" && <Failure message={failure} />}
      {asking && (
        <ConfirmDialog
          title="Stop this task?"
          text={`What was taken until now stays.${silence}`}
          action="Stop profiling"
          onConfirm={() => void stop()}
          onCancel={() => setAsking(false)}
        />
      )}
    </div>
  );
}
