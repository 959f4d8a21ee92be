import type { Task } from "../../gen/stakeout/v1/task_pb.ts";
import { Panel } from "../components/panel.tsx";
import { formatValue } from "../format.ts";
import { formatPeriod } from "../words.ts";
import { CauseChart } from "./cause_chart.tsx";

/** The window that tripped the rule, slot by slot. */
export function CausePanel({ task }: { task: Task }) {
  const { cause } = task;
  if (cause === undefined) return null;
  const threshold = formatValue(cause.metric, cause.threshold);
  return (
    <Panel
      title="The window that tripped"
      count={`${cause.reached} of ${formatPeriod(cause.periodSeconds)} at or over ${threshold}; the rule asks for ${cause.count}`}
      end={
        <ul class="cause-legend" aria-label="Marks">
          <li><i class="cause-key counted" />counted</li>
          <li><i class="cause-key" />below</li>
          <li><i class="cause-key partial" />partial</li>
          <li><i class="cause-key nothing" />no value</li>
        </ul>
      }
    >
      <CauseChart cause={cause} />
    </Panel>
  );
}
