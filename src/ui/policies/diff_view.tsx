import { diffLines } from "./diff_lines.ts";
import { YamlLine } from "./yaml_text.tsx";

const signs = { same: " ", added: "+", removed: "-" } as const;

/** Two texts compared line by line. */
export function DiffView({ before, after }: { before: string; after: string }) {
  const lines = diffLines(before.trimEnd(), after.trimEnd());
  if (lines.every(({ kind }) => kind === "same")) return <p class="empty">Both texts are the same.</p>;
  return (
    <pre class="yaml-text" tabIndex={0} aria-label="Differences">
      {lines.map(({ kind, text }, index) => (
        <div key={index} class={`yaml-row diff-${kind}`}><i>{signs[kind]}</i><code><YamlLine text={text} /></code></div>
      ))}
    </pre>
  );
}
