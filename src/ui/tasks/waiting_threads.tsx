import { FrameKind, type Profile, WaitState } from "../../gen/stakeout/v1/profile_pb.ts";
import { type Task, TaskState } from "../../gen/stakeout/v1/task_pb.ts";
import { Name } from "../components/name.tsx";
import { formatCount, formatWeight } from "../format.ts";
import { reasonWords } from "./wait_profile.ts";

const mostRows = 20;
const states: Readonly<Record<WaitState, string>> = {
  [WaitState.UNSPECIFIED]: "",
  [WaitState.PREEMPTED]: "ready to run",
  [WaitState.SLEEPING]: "sleeping (S)",
  [WaitState.UNINTERRUPTIBLE]: "uninterruptible (D)",
  [WaitState.STOPPED]: "stopped (T)",
  [WaitState.OTHER]: "other",
};

/** Threads that wait at the end of the range, longest first: of a process that hangs, these are the answer. */
export function WaitingThreads({ task, profile }: { task: Task; profile: Profile }) {
  const { waiting, threads } = profile;
  if (waiting.length === 0) return null;
  const several = waiting.length > 1;
  const when = task.state === TaskState.RUNNING
    ? several ? "wait now" : "waits now"
    : `${several ? "were" : "was"} still waiting at the end`;
  return (
    <details class="waiting">
      <summary>
        {formatCount(waiting.length)} {several ? "threads" : "thread"} {when}
      </summary>
      <table>
        <thead>
          <tr>
            <th>Thread</th>
            <th class="number">For</th>
            <th>Reason</th>
            <th>State</th>
            <th>In</th>
          </tr>
        </thead>
        <tbody>
          {waiting.slice(0, mostRows).map((one) => (
            <tr key={`${one.thread} ${one.stack}`}>
              <td class="names">
                <Name text={`${threads[one.thread]?.name ?? ""} (${threads[one.thread]?.tid ?? 0})`} />
              </td>
              <td class="number">{formatWeight(Number(one.waitedNs), "nanoseconds")}</td>
              <td>{reasonWords(profile, one.stack, one.state)}</td>
              <td>{states[one.state] ?? ""}</td>
              <td class="names grow mono">
                <Name text={userLeaf(profile, one.stack)} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {waiting.length > mostRows && (
        <p class="muted">The {formatCount(waiting.length - mostRows)} shortest are not listed.</p>
      )}
    </details>
  );
}

/** C libraries, whose functions say no more than the reason does. */
const library = /(^|\/)(libc|libpthread|ld-linux[^/]*|ld-musl[^/]*|linux-vdso)[-.][^/]*$/;

/** The program's own innermost two functions that have names; the C library's where there are no others. */
function userLeaf(profile: Profile, stack: number): string {
  const frames = (profile.stacks[stack]?.frames ?? []).flatMap((index) => {
    const frame = profile.frames[index];
    const name = frame === undefined ? "" : profile.strings[frame.function] ?? "";
    return frame === undefined || frame.kind === FrameKind.KERNEL || name === "" ? [] : [{
      name,
      own: !library.test(profile.strings[frame.module] ?? ""),
    }];
  });
  const own = frames.filter((frame) => frame.own);
  return (own.length > 0 ? own : frames).slice(0, 2).map(({ name }) => name).join(" ← ");
}
