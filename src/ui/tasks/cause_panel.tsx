import { type Cause, SlotState, type Task } from "../../gen/stakeout/v1/task_pb.ts";
import { Panel } from "../components/panel.tsx";
import { formatCount, formatValue, showInvisible } from "../format.ts";
import { formatLocalClock } from "../time.ts";
import { CauseChart } from "./cause_chart.tsx";
import { CauseTable } from "./cause_table.tsx";
import { countWords, hasCounts } from "./slot_words.ts";

/** The window that tripped the rule, slot by slot. */
export function CausePanel({ task }: { task: Task }) {
  const { cause } = task;
  if (cause === undefined) return null;
  return (
    <Panel
      title="The window that tripped"
      end={
        <ul class="cause-legend" aria-label="Marks">
          <li>
            <i class="cause-key counted" />counted
          </li>
          <li>
            <i class="cause-key" />below
          </li>
          <li>
            <i class="cause-key partial" />partial
          </li>
          <li>
            <i class="cause-key nothing" />no value
          </li>
        </ul>
      }
    >
      <div class="cause">
        <CauseChart cause={cause} />
        <CauseFacts cause={cause} />
      </div>
      <CauseTable cause={cause} />
    </Panel>
  );
}

function CauseFacts({ cause }: { cause: Cause }) {
  const seen = cause.slots.filter(({ state }) => state !== SlotState.UNSPECIFIED);
  const highest = seen.reduce((most, { value }) => Math.max(most, value), 0);
  const empty = cause.slots.length - seen.length;
  const partial = seen.filter(({ state }) => state === SlotState.PARTIAL).length;
  const requests = seen.reduce((sum, slot) => sum + slot.requests, 0);
  const errors = seen.reduce((sum, slot) => sum + slot.errors, 0);
  const pending = seen.reduce((most, slot) => Math.max(most, slot.pending), 0);
  const first = cause.slots.findIndex(({ state, value }) =>
    state !== SlotState.UNSPECIFIED && value >= cause.threshold
  );
  const firstMs = Number(cause.atUnixMs) - (cause.slots.length - first) * 1000;
  return (
    <dl class="cause-facts number">
      {cause.uri !== "" && (
        <>
          <dt>
            {cause.variant.includes("prefix")
              ? "Paths"
              : cause.variant.includes("regex")
              ? "Matching"
              : "Path"}
          </dt>
          <dd class="mono cause-uri">{showInvisible(cause.uri)}{cause.variant.includes("prefix") && "*"}</dd>
        </>
      )}
      {hasCounts(cause) && (
        <>
          <dt>Made of</dt>
          <dd>{countWords({ requests, errors, pending })}</dd>
        </>
      )}
      <dt>Counted</dt>
      <dd>
        {formatCount(cause.reached)} of {formatCount(cause.periodSeconds)} s; rule {cause.rule + 1} asks for
        {" "}
        {formatCount(cause.count)}
      </dd>
      <dt>Highest</dt>
      <dd>{formatValue(cause.metric, highest)}, threshold {formatValue(cause.metric, cause.threshold)}</dd>
      {first >= 0 && (
        <>
          <dt>First counted</dt>
          <dd>{formatLocalClock(firstMs)}</dd>
        </>
      )}
      <dt>Tripped</dt>
      <dd>{formatLocalClock(Number(cause.atUnixMs))}</dd>
      {empty > 0 && (
        <>
          <dt>No value</dt>
          <dd>{formatCount(empty)} s, which is not zero</dd>
        </>
      )}
      {partial > 0 && (
        <>
          <dt>Partial</dt>
          <dd>{formatCount(partial)} s, a mean over several</dd>
        </>
      )}
      {cause.note !== "" && (
        <>
          <dt>Note</dt>
          <dd>{showInvisible(cause.note)}</dd>
        </>
      )}
    </dl>
  );
}
