import { NameNoteKind, type Profile } from "../../gen/stakeout/v1/profile_pb.ts";
import type { Task } from "../../gen/stakeout/v1/task_pb.ts";
import { describeNameNote } from "../../model/name_note.ts";
import { formatLocalTime } from "../time.ts";

/** Which names or frames are missing, and what to do about it. */
export function NameNotes({ task, profile }: { task: Task; profile: Profile }) {
  return (
    <>
      {profile.nameNotes.map(({ kind, processId, mapWrittenUnixMs }) => {
        const pid = task.pids[task.processIds.indexOf(processId)] ?? 0;
        const words = describeNameNote({
          kind: NameNoteKind[kind] ?? "",
          pid,
          mapWritten: formatLocalTime(Number(mapWrittenUnixMs)),
        });
        return words !== undefined && (
          <p class="notice missing" key={`${processId} ${kind}`}>
            {task.pids.length > 1 && `Process ${pid}: `}
            {words.what}
            {words.fix === "" ? "." : (
              <>
                ; {words.fix} <code>{words.command}</code>
              </>
            )}
          </p>
        );
      })}
    </>
  );
}
