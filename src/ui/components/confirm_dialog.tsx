import { useEffect, useRef } from "preact/hooks";

/** Asks before something that cannot be taken back. Escape and the first button cancel. */
export function ConfirmDialog({ title, text, action, onConfirm, onCancel }: {
  title: string;
  text: string;
  /** The word on the button that does it. */
  action: string;
  onConfirm: () => void;
  onCancel: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} aria-label={title} onClose={onCancel}>
      <h2>{title}</h2>
      <p>{text}</p>
      <div class="actions">
        <button type="button" class="button" onClick={onCancel}>Cancel</button>
        <button type="button" class="button danger" onClick={onConfirm}>{action}</button>
      </div>
    </dialog>
  );
}
