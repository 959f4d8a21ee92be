import { useMemo, useState } from "preact/hooks";
import type { Profile } from "../../gen/stakeout/v1/profile_pb.ts";
import { type Task, TaskState } from "../../gen/stakeout/v1/task_pb.ts";
import { buildFlameTree, type WeightUnit } from "../flame_graph/flame_tree.ts";
import { runtimeFrames } from "../flame_graph/runtime_frames.ts";
import { FlameView } from "../flame_graph/view.tsx";
import { formatCount, formatWeight } from "../format.ts";
import { NameNotes } from "./name_notes.tsx";
import { QualityPanel } from "./quality_panel.tsx";
import { RangeStrip } from "./range_strip.tsx";
import type { SecondRange } from "./second_range.ts";
import { ThreadSelect } from "./thread_select.tsx";

/** A profile of stacks: strip of its seconds, threads, flame graph and table. */
export function StackProfile({ task, profile, unit, range, onRange }: {
  task: Task;
  profile: Profile;
  unit: WeightUnit;
  range: SecondRange;
  onRange: (range: SecondRange) => void;
}) {
  const [threadKey, setThreadKey] = useState("");
  const thread = profile.threads.findIndex(({ tid, processId }) => `${processId} ${tid}` === threadKey);
  const runtime = runtimeFrames.value;
  const tree = useMemo(
    () => buildFlameTree(profile, { thread: thread < 0 ? undefined : thread, runtimeFrames: runtime }),
    [profile, thread, runtime],
  );
  const hasRuntime = useMemo(() => profile.frames.some((frame) => frame.runtime), [profile]);
  const seconds = useMemo(() => profile.secondWeights.map(Number), [profile]);
  const threads = <ThreadSelect task={task} profile={profile} value={threadKey} onChoose={setThreadKey} />;
  return (
    <>
      <RangeStrip
        seconds={seconds}
        startUnixMs={Number(profile.startUnixMs || task.startedAtUnixMs)}
        describe={(weight) => formatWeight(weight, unit) + (unit === "nanoseconds" ? "" : ` ${unit}`)}
        range={range}
        onRange={onRange}
      />
      {profile.missingChunks > 0 && (
        <p class="notice missing">
          {formatCount(profile.missingChunks)}{" "}
          five-second pieces of this range never arrived: the agent's queue was full.
        </p>
      )}
      <NameNotes task={task} profile={profile} />
      <QualityPanel profile={profile} unit={unit} />
      {tree.total[0] === 0
        ? (
          <>
            <div class="flame-tools">{threads}</div>
            <p class="empty">
              {task.state === TaskState.RUNNING && seconds.length === 0
                ? "The first samples arrive within seconds."
                : "No samples here. Choose a longer range or all threads."}
            </p>
          </>
        )
        : <FlameView tree={tree} unit={unit} lead={threads} hasRuntime={hasRuntime} />}
    </>
  );
}
