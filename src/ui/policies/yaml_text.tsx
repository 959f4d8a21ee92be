import { highlightYaml } from "./highlight_yaml.ts";

/** One line of YAML in colours. */
export function YamlLine({ text }: { text: string }) {
  return (
    <>
      {highlightYaml(text).map((piece, index) =>
        piece.kind === "plain"
          ? piece.text
          : <span key={index} class={`yaml-${piece.kind}`}>{piece.text}</span>
      )}
    </>
  );
}

/** A YAML text to read, with line numbers. */
export function YamlText({ text }: { text: string }) {
  return (
    <pre class="yaml-text" tabIndex={0} aria-label="Policy as YAML">
      {text.replace(/\n+$/, "").split("\n").map((line, index) => (
        <div key={index} class="yaml-row"><i>{index + 1}</i><code><YamlLine text={line} /></code></div>
      ))}
    </pre>
  );
}
