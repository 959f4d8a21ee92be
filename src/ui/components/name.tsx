import { showInvisible } from "../format.ts";

const tailLength = 10;

/**
 * A name of any length, from anywhere, on one line: the middle gives way when there is no room, and the whole shows on
 * hover. Always text, with characters that fool the eye written out.
 */
export function Name({ text, mono = false, empty = "–" }: { text: string; mono?: boolean; empty?: string }) {
  if (text === "") return <span class="muted">{empty}</span>;
  const shown = showInvisible(text);
  const cut = shown.length > tailLength * 2 ? shown.length - tailLength : shown.length;
  return (
    <bdi class={mono ? "name mono" : "name"} title={shown}>
      <span class="name-head">{shown.slice(0, cut)}</span>
      {cut < shown.length && <span class="name-tail">{shown.slice(cut)}</span>}
    </bdi>
  );
}
