import { NameNoteKind, type Profile } from "../gen/stakeout/v1/profile_pb.ts";
import { describeNameNote, formatNameNote } from "../model/name_note.ts";

/** What is missing of a profile's names and frames, a line each; `pidOf` knows the processes by their id. */
export function listNameNotes({ nameNotes }: Profile, pidOf: ReadonlyMap<string, number>): string[] {
  const notes = nameNotes.map(({ kind, processId, mapWrittenUnixMs }) =>
    describeNameNote({
      kind: NameNoteKind[kind] ?? "",
      pid: pidOf.get(processId) ?? 0,
      mapWritten: new Date(Number(mapWrittenUnixMs)).toISOString(),
    })
  );
  return notes.filter((words) => words !== undefined).map(formatNameNote);
}
