import { useState } from "preact/hooks";
import { ProfileKind, type Task } from "../../gen/stakeout/v1/task_pb.ts";
import { api } from "../api.ts";
import { Answer } from "../components/answer.tsx";
import { Panel } from "../components/panel.tsx";
import { Segments } from "../components/segments.tsx";
import { NetworkPanel } from "../network/network_panel.tsx";
import { useQuery } from "../use_query.ts";
import { kindName, kindTitle, shownKinds } from "../words.ts";
import { ExportLinks } from "./export_links.tsx";
import { NoProfile } from "./no_profile.tsx";
import { type SecondRange, wholeRange } from "./second_range.ts";
import { StackProfile } from "./stack_profile.tsx";
import { WaitPanel } from "./wait_panel.tsx";

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
      {kind === ProfileKind.NETWORK
        ? <NetworkPanel task={task} />
        : <ProfileContent key={kind} task={task} kind={kind} />}
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
        profile !== undefined && (kind === ProfileKind.OFF_CPU
          ? <WaitPanel task={task} profile={profile} range={range} onRange={setRange} />
          : <StackProfile task={task} profile={profile} unit="samples" range={range} onRange={setRange} />)}
    </Answer>
  );
}
