import { useId, useRef } from "preact/hooks";
import type { Problem } from "../../model/policy_file.ts";
import { YamlLine } from "./yaml_text.tsx";

const fewestLines = 20;

/** A plain text area over a coloured copy of its text; each problem stands behind its line and in the list below. */
export function YamlEditor({ text, problems, onInput }: {
  text: string;
  problems: readonly Problem[];
  onInput: (text: string) => void;
}) {
  const area = useRef<HTMLTextAreaElement>(null);
  const id = useId();
  const lines = text.split("\n");
  const shown = Math.max(lines.length + 1, fewestLines);
  const byLine = new Map<number, Problem>();
  for (const problem of problems) if (!byLine.has(problem.line)) byLine.set(problem.line, problem);
  const goTo = ({ line, column }: Problem) => {
    const offset = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0) +
      Math.max(0, column - 1);
    area.current?.focus();
    area.current?.setSelectionRange(offset, offset);
  };
  return (
    <>
      <div class="yaml-editor">
        <div class="yaml-gutter" aria-hidden="true">
          {lines.map((_, index) => (
            <div key={index} class={byLine.has(index + 1) ? "faulty" : ""}>{index + 1}</div>
          ))}
        </div>
        <div class="yaml-pane">
          <pre class="yaml-paint" aria-hidden="true">
            {lines.map((line, index) => {
              const problem = byLine.get(index + 1);
              return (
                <div key={index} class={problem === undefined ? "" : "faulty"}>
                  <YamlLine text={line} />
                  {problem === undefined ? "\u200b" : <span class="yaml-fault">  {problem.fix || problem.message}</span>}
                </div>
              );
            })}
          </pre>
          <textarea
            ref={area}
            aria-label="Policy as YAML"
            aria-describedby={id}
            aria-invalid={problems.length > 0}
            value={text}
            rows={shown}
            wrap="off"
            spellcheck={false}
            autocapitalize="off"
            autocomplete="off"
            onInput={(event) => onInput(event.currentTarget.value)}
            onKeyDown={keepIndent}
            onScroll={(event) => {
              const paint = event.currentTarget.previousElementSibling;
              if (paint !== null) paint.scrollLeft = event.currentTarget.scrollLeft;
            }}
          />
        </div>
      </div>
      <ul id={id} class="problems" aria-live="polite">
        {problems.map((problem) => (
          <li key={`${problem.line} ${problem.column} ${problem.message}`}>
            <button type="button" class="link" onClick={() => goTo(problem)}>
              {problem.line === 0 ? "Text" : `Line ${problem.line}`}
            </button>
            <span>
              {problem.message}
              {problem.fix !== "" && (
                <>
                  ; <strong>{problem.fix}</strong>
                </>
              )}
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}

/** A new line begins under the one above. */
function keepIndent(event: KeyboardEvent & { currentTarget: HTMLTextAreaElement }): void {
  if (event.key !== "Enter" || event.isComposing || event.ctrlKey || event.metaKey) return;
  const { value, selectionStart } = event.currentTarget;
  const line = value.slice(value.lastIndexOf("\n", selectionStart - 1) + 1, selectionStart);
  const indent = /^\s*/.exec(line)?.[0] ?? "";
  if (indent === "") return;
  event.preventDefault();
  // The one way that keeps the browser's own undo.
  document.execCommand("insertText", false, `\n${indent}`);
}
