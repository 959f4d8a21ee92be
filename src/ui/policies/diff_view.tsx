import { diffLines } from "./diff_lines.ts";
import { YamlLine } from "./yaml_text.tsx";

const signs = { same: " ", added: "+", removed: "-" } as const;

/** Two texts compared line by line. */
export function DiffView({ before, after }: { before: string; after: string }) {
  const lines = diffLines(before.trimEnd(), after.trimEnd());
  return (
    <pre class="yaml-text" tabIndex={0} aria-label="Differences">
      {lines.map(({ kind, text }, index) => (
        <div key={index} class={`yaml-row diff-${kind}`}><i>{signs[kind]}</i><code><YamlLine text={text} />{"\n"}</code></div>
      ))}
    </pre>
  );
}
