import { useMemo, useState } from "preact/hooks";
import type { Profile } from "../../gen/stakeout/v1/profile_pb.ts";
import { ProfileKind, type Task, TaskState } from "../../gen/stakeout/v1/task_pb.ts";
import { api } from "../api.ts";
import { Answer } from "../components/answer.tsx";
import { Panel } from "../components/panel.tsx";
import { Segments } from "../components/segments.tsx";
import { buildFlameTree, type WeightUnit } from "../flame_graph/flame_tree.ts";
import { runtimeFrames } from "../flame_graph/runtime_frames.ts";
import { FlameView } from "../flame_graph/view.tsx";
import { formatCount } from "../format.ts";
import { useQuery } from "../use_query.ts";
import { kindName, kindTitle, shownKinds } from "../words.ts";
import { ExportLinks } from "./export_links.tsx";
import { NameNotes } from "./name_notes.tsx";
import { NoProfile } from "./no_profile.tsx";
import { RangeStrip } from "./range_strip.tsx";
import { type SecondRange, wholeRange } from "./second_range.ts";
import { ThreadSelect } from "./thread_select.tsx";

const refreshMs = 2500;

/** A task's profiles: choice of kind, range, thread; flame graph; exports. */
export function ProfilePanel({ task, kinds }: { task: Task; kinds: readonly ProfileKind[] }) {
  const choices = shownKinds.filter((kind) => kinds.includes(kind));
  const [chosen, setChosen] = useState<ProfileKind>();
  const kind = chosen ?? choices[0] ?? task.kinds[0] ?? ProfileKind.ON_CPU;
  if (choices.length === 0) {
    return (
      <Panel title={kindTitle(kind)}>
        <NoProfile task={task} />
      </Panel>
    );
  }
  return (
    <Panel
      title="Profile"
      end={
        <>
          {choices.length > 1
            ? (
              <Segments
                label="Kind of profile"
                options={choices.map((one) => [kindName(one), kindTitle(one)] as const)}
                value={kindName(kind)}
                onChoose={(name) => setChosen(choices.find((one) => kindName(one) === name))}
              />
            )
            : <span class="muted">{kindTitle(kind)}</span>}
          <ExportLinks taskId={task.id} kind={kind} />
        </>
      }
    >
      <ProfileContent key={kind} task={task} kind={kind} />
    </Panel>
  );
}

function ProfileContent({ task, kind }: { task: Task; kind: ProfileKind }) {
  const [range, setRange] = useState<SecondRange>(wholeRange);
  const query = useQuery(
    `${task.id} ${kind} ${range.from} ${range.to}`,
    (signal) =>
      api.tasks.getProfile({ taskId: task.id, kind, fromSecond: range.from, toSecond: range.to }, { signal }),
    { topics: ["profiles", "tasks"], taskId: task.id, atMostEveryMs: refreshMs },
  );
  return (
    <Answer query={query} missing="This profile is no longer kept">
      {({ profile }) =>
        profile !== undefined && (
          <LoadedProfile task={task} kind={kind} profile={profile} range={range} onRange={setRange} />
        )}
    </Answer>
  );
}

function LoadedProfile({ task, kind, profile, range, onRange }: {
  task: Task;
  kind: ProfileKind;
  profile: Profile;
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
  const unit: WeightUnit = kind === ProfileKind.OFF_CPU ? "nanoseconds" : "samples";
  const seconds = useMemo(() => profile.secondWeights.map(Number), [profile]);
  const threads = <ThreadSelect task={task} profile={profile} value={threadKey} onChoose={setThreadKey} />;
  return (
    <>
      <RangeStrip
        seconds={seconds}
        startUnixMs={Number(profile.startUnixMs || task.startedAtUnixMs)}
        unit={unit}
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
