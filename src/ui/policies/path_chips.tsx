import { useState } from "preact/hooks";
import type { SeenPath } from "../../gen/stakeout/v1/policy_service_pb.ts";
import { Name } from "../components/name.tsx";
import type { RuleDraft } from "./policy_draft.ts";
import { chosenPaths, offeredPaths, togglePath } from "./seen_paths.ts";

const firstChips = 8;

/** Paths seen at the processes that match, to click into the rule. */
export function PathChips({ paths, rule, onChange }: {
  /** Of the rule's side. */
  paths: readonly SeenPath[];
  rule: RuleDraft;
  onChange: (part: Partial<RuleDraft>) => void;
}) {
  const [all, setAll] = useState(false);
  if (rule.uriKind === "regex") return null;
  const offered = offeredPaths(rule.uriKind, paths);
  if (offered.length === 0) {
    return (
      <p class="muted path-chips">
        Paths to choose from show here once an HTTP rule has watched these processes for some seconds.
      </p>
    );
  }
  const chosen = chosenPaths(rule);
  const shown = all ? offered : offered.slice(0, firstChips);
  return (
    <div class="path-chips" role="group" aria-label="Paths seen">
      <span class="muted">Seen lately</span>
      {shown.map((path) => (
        <button
          key={path}
          type="button"
          class="chip"
          aria-pressed={chosen.includes(path)}
          onClick={() => onChange(togglePath(rule, path))}
        >
          <Name text={path} mono />
        </button>
      ))}
      {offered.length > shown.length && (
        <button type="button" class="link" onClick={() => setAll(true)}>
          {offered.length - shown.length} more
        </button>
      )}
    </div>
  );
}
