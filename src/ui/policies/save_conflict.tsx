import { DiffView } from "./diff_view.tsx";
import type { Conflict } from "./save_policy.ts";

/** Shows what somebody else saved while this editor was open, and lets the user choose. */
export function SaveConflict({ conflict, text, onOverwrite, onTakeTheirs }: {
  conflict: Conflict;
  /** What this editor holds. */
  text: string;
  onOverwrite: () => void;
  onTakeTheirs: () => void;
}) {
  return (
    <section class="panel" role="alert">
      <div class="panel-head">
        <h2>Somebody saved version {conflict.version} meanwhile; yours is not saved</h2>
        <div class="end">
          <button type="button" class="button" onClick={onTakeTheirs}>Drop mine, edit theirs</button>
          <button type="button" class="button danger" onClick={onOverwrite}>Save mine over theirs</button>
        </div>
      </div>
      <DiffView before={conflict.source} after={text} />
    </section>
  );
}
