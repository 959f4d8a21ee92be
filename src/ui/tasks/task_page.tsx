import { ProfileKind, type Task, TaskState } from "../../gen/stakeout/v1/task_pb.ts";
import { api } from "../api.ts";
import { Answer, Failure } from "../components/answer.tsx";
import { Name } from "../components/name.tsx";
import { StateBadge } from "../components/state_badge.tsx";
import { Time, useNow } from "../components/time.tsx";
import { useTitle } from "../components/use_title.ts";
import { cutMiddle, showInvisible } from "../format.ts";
import { useQuery } from "../use_query.ts";
import { baseName, describeCause, kindTitle, taskTargets } from "../words.ts";
import { CausePanel } from "./cause_panel.tsx";
import { LossLine } from "./loss_line.tsx";
import { ProfilePanel } from "./profile_panel.tsx";
import { TaskActions } from "./task_actions.tsx";
import { taskProgress } from "./task_progress.ts";

const longestTitle = 120;

/** One task: when, why and what; the window that tripped; its profiles. */
export function TaskPage({ id }: { id: string }) {
  useTitle(`Task ${id.slice(0, 8)}`);
  const query = useQuery(id, (signal) => api.tasks.getTask({ id }, { signal }), {
    topics: ["tasks", "profiles"],
    taskId: id,
  });
  return (
    <Answer
      query={query}
      missing="This task is not known here: it is older than what is kept, or never reached this backend"
    >
      {({ task, kinds, policyExists }) =>
        task !== undefined && (
          <>
            <TaskHead task={task} policyExists={policyExists} />
            <TaskMessage task={task} />
            <CausePanel task={task} />
            <ProfilePanel task={task} kinds={kinds} />
          </>
        )}
    </Answer>
  );
}

function TaskHead({ task, policyExists }: { task: Task; policyExists: boolean }) {
  const now = useNow(1000);
  const progress = taskProgress(task, now);
  const title = showInvisible(task.cause === undefined ? "Asked for by hand" : describeCause(task.cause));
  return (
    <div class="page-head">
      <div>
        <p class="crumbs">
          <a href="/tasks">Tasks</a> / <span class="mono">{task.id.slice(0, 8)}</span>
        </p>
        <h1 title={title}>{cutMiddle(title, longestTitle)}</h1>
        <dl class="facts task-facts">
          <div>
            <dt>When</dt>
            <dd>
              <Time unixMs={task.startedAtUnixMs} />
            </dd>
          </div>
          <div>
            <dt>State</dt>
            <dd>
              <StateBadge state={task.state} />
              <span class="muted number">, {progress.text}</span>
              {progress.running && (
                <progress class="task-progress" value={progress.share} aria-label="Share of its duration" />
              )}
            </dd>
          </div>
          {taskTargets(task).map((target) => (
            <div key={target.id}>
              <dt>Process</dt>
              <dd>
                <a href={`/processes/${target.id}`}>
                  <Name
                    text={`${target.service || baseName(target.exe)} (${baseName(target.exe)} ${target.pid})`}
                  />
                </a>
              </dd>
            </div>
          ))}
          <div>
            <dt>Host</dt>
            <dd>
              <Name text={task.host} />
            </dd>
          </div>
          <div>
            <dt>Policy</dt>
            <dd>
              {task.policy === ""
                ? <span class="muted">by hand</span>
                : policyExists
                ? (
                  <a href={`/policies/${task.policy}?version=${task.policyVersion}`}>
                    <Name text={task.policy} />
                  </a>
                )
                : (
                  <span>
                    {task.policy} <span class="muted">(deleted)</span>
                  </span>
                )}
              {task.policy !== "" && <span class="muted beside">version {task.policyVersion}</span>}
            </dd>
          </div>
          <div>
            <dt>Profiles</dt>
            <dd>
              {task.kinds.map((kind, index) => (
                <span key={kind}>
                  {index > 0 && ", "}
                  {kindTitle(kind)}
                  {kind === ProfileKind.ON_CPU && task.frequencyHz > 0 && (
                    <span class="muted beside">at {task.frequencyHz} Hz</span>
                  )}
                </span>
              ))}
            </dd>
          </div>
        </dl>
        <LossLine loss={task.loss} kinds={task.kinds} running={progress.running} />
      </div>
      {progress.running && <TaskActions task={task} />}
    </div>
  );
}

/** What ended a task early, in words. */
function TaskMessage({ task }: { task: Task }) {
  if (task.state === TaskState.FAILED) {
    return (
      <Failure message={`Profiling failed: ${showInvisible(task.message || "the agent gave no reason")}`} />
    );
  }
  if (task.message === "") return null;
  return <p class="notice">{showInvisible(task.message)}</p>;
}
