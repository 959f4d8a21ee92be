import { useMemo } from "preact/hooks";
import type { Profile } from "../../gen/stakeout/v1/profile_pb.ts";
import type { Task } from "../../gen/stakeout/v1/task_pb.ts";
import { cutMiddle, formatShare, showInvisible } from "../format.ts";

/** Limits the graph to one thread; busiest first. `""` is all. */
export function ThreadSelect({ task, profile, value, onChoose }: {
  task: Task;
  profile: Profile;
  value: string;
  onChoose: (key: string) => void;
}) {
  const { threads, whole } = useMemo(() => weighThreads(profile), [profile]);
  const several = task.processIds.length > 1;
  return (
    <select aria-label="Thread" value={value} onChange={(event) => onChoose(event.currentTarget.value)}>
      <option value="">{threads.length === 1 ? "All threads (1)" : `All ${threads.length} threads`}</option>
      {threads.map(({ key, name, tid, processId, weight }) => {
        const pid = task.pids[task.processIds.indexOf(processId)];
        const process = several && pid !== undefined ? ` of ${pid}` : "";
        return (
          <option key={key} value={key}>
            {cutMiddle(showInvisible(name), 32)} ({tid}
            {process}) {formatShare(weight, whole)}
          </option>
        );
      })}
    </select>
  );
}

function weighThreads(profile: Profile) {
  const weights = new Float64Array(profile.threads.length);
  let whole = 0;
  for (const [index, thread] of profile.sampleThreads.entries()) {
    const weight = Number(profile.sampleWeights[index]);
    whole += weight;
    if (thread < weights.length) weights[thread] = weights[thread]! + weight;
  }
  const threads = profile.threads.map(({ tid, name, processId }, index) => ({
    ...{ key: `${processId} ${tid}`, tid, name, processId },
    weight: weights[index]!,
  }));
  threads.sort((one, two) => two.weight - one.weight || one.tid - two.tid);
  return { threads, whole };
}
