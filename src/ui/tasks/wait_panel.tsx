import { useMemo, useState } from "preact/hooks";
import type { Profile } from "../../gen/stakeout/v1/profile_pb.ts";
import type { Task } from "../../gen/stakeout/v1/task_pb.ts";
import { Segments } from "../components/segments.tsx";
import type { WeightUnit } from "../flame_graph/flame_tree.ts";
import { formatShare, formatWeight } from "../format.ts";
import type { SecondRange } from "./second_range.ts";
import { StackProfile } from "./stack_profile.tsx";
import { SwitchLine } from "./switch_line.tsx";
import { type ReasonWeight, viewWaits, type WaitMeasure } from "./wait_profile.ts";
import { WaitingThreads } from "./waiting_threads.tsx";

const measures = [["time", "Time blocked"], ["waits", "Waits"], ["run_queue", "Run queue"]] as const;
const hints: Readonly<Record<WaitMeasure, string>> = {
  time: "From leaving the CPU until the wake-up.",
  waits: "How often a thread left its CPU and waited.",
  run_queue: "Ready to run, but no CPU was free: from the wake-up, or the preemption, until it ran.",
};

/** An off-CPU profile: by time, by count or by run-queue time, of one reason or all. */
export function WaitPanel({ task, profile, range, onRange }: {
  task: Task;
  profile: Profile;
  range: SecondRange;
  onRange: (range: SecondRange) => void;
}) {
  const [measure, setMeasure] = useState<WaitMeasure>("time");
  const [reason, setReason] = useState("");
  const view = useMemo(() => viewWaits(profile, measure, reason), [profile, measure, reason]);
  const unit: WeightUnit = measure === "waits" ? "waits" : "nanoseconds";
  return (
    <>
      <div class="wait-tools">
        <Segments label="Drawn by" options={measures} value={measure} onChoose={setMeasure} />
        <span class="muted">{hints[measure]}</span>
      </div>
      <ReasonChips reasons={view.reasons} unit={unit} value={reason} onChoose={setReason} />
      <StackProfile task={task} profile={view.profile} unit={unit} range={range} onRange={onRange} />
      <SwitchLine task={task} switches={profile.switches} />
      <WaitingThreads task={task} profile={profile} />
    </>
  );
}

/** Why threads waited; one of them limits the graph to it. */
function ReasonChips({ reasons, unit, value, onChoose }: {
  reasons: readonly ReasonWeight[];
  unit: WeightUnit;
  value: string;
  onChoose: (reason: string) => void;
}) {
  const whole = reasons.reduce((sum, { weight }) => sum + weight, 0);
  if (whole === 0) return null;
  return (
    <div class="chips" role="group" aria-label="Reason">
      <button type="button" class="chip" aria-pressed={value === ""} onClick={() => onChoose("")}>
        All reasons
      </button>
      {reasons.map(({ reason, weight }) => (
        <button
          key={reason}
          type="button"
          class="chip"
          aria-pressed={value === reason}
          title={formatWeight(weight, unit)}
          onClick={() => onChoose(value === reason ? "" : reason)}
        >
          {reason} <span class="muted number">{formatShare(weight, whole)}</span>
        </button>
      ))}
    </div>
  );
}
