import type { Task } from "../../gen/stakeout/v1/task_pb.ts";
import { Name } from "../components/name.tsx";
import { SlotStrip } from "../components/slot_strip.tsx";
import { StateBadge } from "../components/state_badge.tsx";
import { Time } from "../components/time.tsx";
import { baseName, describeReached, describeRequests, kindTitle, taskTargets } from "../words.ts";
import { taskProgress } from "./task_progress.ts";
import { useNow } from "../components/time.tsx";

/** Tasks as rows: when, why, what. */
export function TaskTable({ tasks, withProcess = true, withPolicy = true }: {
  tasks: readonly Task[];
  withProcess?: boolean;
  withPolicy?: boolean;
}) {
  const now = useNow(1000);
  return (
    <div class="table-box">
      <table>
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">Why</th>
            <th scope="col" class="wide">Window</th>
            {withProcess && <th scope="col" class="medium">What</th>}
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody>
          {tasks.map((task) => (
            <tr key={task.id}>
              <td class="fit when">
                <a href={`/tasks/${task.id}`}>
                  <Time unixMs={task.startedAtUnixMs} />
                </a>
                <span class="sub">{task.kinds.map(kindTitle).join(", ")}</span>
              </td>
              <td class="names grow why">
                {withPolicy && <Name text={task.policy} empty="by hand" />}
                <span class={withPolicy ? "sub" : ""}>
                  <Name text={describeReached(task.cause)} />
                </span>
                {describeRequests(task.cause) !== "" && (
                  <span class="sub">
                    <Name text={describeRequests(task.cause)} />
                  </span>
                )}
              </td>
              <td class="fit wide">
                <SlotStrip cause={task.cause} />
              </td>
              {withProcess && (
                <td class="names what medium">
                  {taskTargets(task).map(({ id, service, exe, pid }) => (
                    <div key={id}>
                      <Name text={service || baseName(exe)} />
                      <span class="sub">
                        <Name text={`${baseName(exe)} ${pid} on ${task.host}`} />
                      </span>
                    </div>
                  ))}
                </td>
              )}
              <td class="fit">
                <StateBadge state={task.state} />
                <span class="sub number">{taskProgress(task, now).text}</span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
