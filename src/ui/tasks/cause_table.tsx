import { useState } from "preact/hooks";
import { type Cause, SlotState } from "../../gen/stakeout/v1/task_pb.ts";
import { formatCount, formatValue } from "../format.ts";
import { formatLocalClock } from "../time.ts";
import { hasCounts, slotStartMs } from "./slot_words.ts";

/** Every second of a window as a row: its value, and of HTTP metrics what it was made of. */
export function CauseTable({ cause }: { cause: Cause }) {
  const [open, setOpen] = useState(false);
  const counted = hasCounts(cause);
  const pending = counted && cause.slots.some((slot) => slot.pending > 0);
  return (
    <details class="cause-table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{counted ? "Requests and errors of each second" : "Values of each second"}</summary>
      {open && (
        <div class="cause-rows" tabIndex={0} role="region" aria-label="Seconds of the window">
          <table>
            <thead>
              <tr>
                <th scope="col">Second</th>
                <th scope="col" class="number">Value</th>
                {counted && <th scope="col" class="number">Requests</th>}
                {counted && <th scope="col" class="number">Errors</th>}
                {pending && <th scope="col" class="number">In flight</th>}
                <th scope="col">Counted</th>
              </tr>
            </thead>
            <tbody>
              {cause.slots.map((slot, index) => {
                const empty = slot.state === SlotState.UNSPECIFIED;
                const over = !empty && slot.value >= cause.threshold;
                return (
                  <tr key={index}>
                    <td class="second">{formatLocalClock(slotStartMs(cause, index))}</td>
                    <td class={over ? "number trip" : "number"}>
                      {empty ? <span class="muted">none</span> : formatValue(cause.metric, slot.value)}
                    </td>
                    {counted && <td class="number">{empty ? "" : formatCount(slot.requests)}</td>}
                    {counted && <td class="number">{empty ? "" : formatCount(slot.errors)}</td>}
                    {pending && <td class="number">{empty ? "" : formatCount(slot.pending)}</td>}
                    <td class="muted">
                      {over ? "yes" : ""}
                      {slot.state === SlotState.PARTIAL ? " partial" : ""}
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}
