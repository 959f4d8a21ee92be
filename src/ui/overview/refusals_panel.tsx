import type { Refusal } from "../../gen/stakeout/v1/task_pb.ts";
import { Name } from "../components/name.tsx";
import { Panel } from "../components/panel.tsx";
import { SlotStrip } from "../components/slot_strip.tsx";
import { Ago } from "../components/time.tsx";
import { cutMiddle, showInvisible } from "../format.ts";
import { describeReached, describeRequests } from "../words.ts";

const reasons: Readonly<Record<string, string>> = {
  silence: "Silence",
  concurrency: "Two at once",
  budget: "Own budget",
  unsupported: "Not supported",
};

const longestMessage = 160;

/** Rules that tripped without a task starting, and why not. Nothing at all when there are none. */
export function RefusalsPanel({ refusals, withPolicy = true }: {
  refusals: readonly Refusal[];
  withPolicy?: boolean;
}) {
  if (refusals.length === 0) return null;
  return (
    <Panel title="Tripped, but not profiled" count={String(refusals.length)}>
      <div class="table-box">
        <table>
          <thead>
            <tr>
              <th scope="col">When</th>
              <th scope="col">Why</th>
              <th scope="col">Why not</th>
              <th scope="col" class="wide">Window</th>
            </tr>
          </thead>
          <tbody>
            {refusals.map((refusal) => (
              <tr key={`${refusal.policy} ${refusal.processId} ${refusal.firstAtUnixMs}`}>
                <td class="fit">
                  <Ago unixMs={refusal.lastAtUnixMs} />
                  {refusal.count > 1 && <span class="sub">{refusal.count} seconds</span>}
                </td>
                <td class="names why">
                  {withPolicy && refusal.policy !== "" && (
                    <a href={`/policies/${refusal.policy}`}>
                      <Name text={refusal.policy} />
                    </a>
                  )}
                  <span class={withPolicy && refusal.policy !== "" ? "sub" : ""}>
                    <Name text={describeReached(refusal.cause)} />
                  </span>
                  {describeRequests(refusal.cause) !== "" && (
                    <span class="sub">
                      <Name text={describeRequests(refusal.cause)} />
                    </span>
                  )}
                  <span class="sub">
                    <Name text={refusal.service} />
                  </span>
                </td>
                <td class="grow">
                  <span class="tag">{reasons[refusal.reason] ?? refusal.reason}</span>{" "}
                  <span title={showInvisible(refusal.message)}>
                    {cutMiddle(showInvisible(refusal.message), longestMessage)}
                  </span>
                </td>
                <td class="fit wide">
                  <SlotStrip cause={refusal.cause} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
