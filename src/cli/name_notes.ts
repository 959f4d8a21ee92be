import { NameNoteKind, type Profile } from "../gen/stakeout/v1/profile_pb.ts";
import { describeNameNote, formatNameNote } from "../model/name_note.ts";

/** What is missing of a profile's names and frames, a line each; `pidOf` knows the processes by their id. */
export function listNameNotes({ nameNotes }: Profile, pidOf: ReadonlyMap<string, number>): string[] {
  return nameNotes.flatMap(({ kind, processId, mapWrittenUnixMs }) => {
    const pid = pidOf.get(processId) ?? 0;
    const mapWritten = new Date(Number(mapWrittenUnixMs)).toISOString();
    const words = describeNameNote({ kind: NameNoteKind[kind] ?? "", pid, mapWritten });
    if (words === undefined) return [];
    return [(pidOf.size > 1 ? `process ${pid}: ` : "") + formatNameNote(words)];
  });
}
