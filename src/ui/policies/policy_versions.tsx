import { useState } from "preact/hooks";
import type { Policy } from "../../gen/stakeout/v1/policy_pb.ts";
import type { PolicyVersion } from "../../gen/stakeout/v1/policy_service_pb.ts";
import { api, explainError } from "../api.ts";
import { Answer, Failure } from "../components/answer.tsx";
import { Panel } from "../components/panel.tsx";
import { Time } from "../components/time.tsx";
import { place, setQuery } from "../router.ts";
import { useQuery } from "../use_query.ts";
import { DiffView } from "./diff_view.tsx";
import { YamlText } from "./yaml_text.tsx";

const firstRows = 8;

/** Older versions: what changed since, and the way back. The one that is open is kept in the address. */
export function PolicyVersions(
  { current, versions }: { current: Policy; versions: readonly PolicyVersion[] },
) {
  const [all, setAll] = useState(false);
  const open = Number(place.value.query.get("version") ?? 0);
  const sorted = [...versions].sort((one, two) => two.version - one.version);
  const shown = all ? sorted : sorted.slice(0, firstRows);
  return (
    <Panel title="Versions" count={String(versions.length)}>
      <ul class="versions">
        {shown.map(({ version, updatedAtUnixMs, change }) => (
          <li key={version}>
            <div class="version">
              <span class="number">{version}</span>
              <span>{change}</span>
              <span class="muted">
                <Time unixMs={updatedAtUnixMs} />
              </span>
              {version === current.version ? <span class="muted">now</span> : (
                <button
                  type="button"
                  class="button small"
                  aria-expanded={open === version}
                  onClick={() => setQuery({ version: open === version ? "" : String(version) })}
                >
                  {open === version ? "Close" : "View"}
                </button>
              )}
            </div>
            {open === version && version !== current.version && (
              <OldVersion current={current} version={version} />
            )}
          </li>
        ))}
      </ul>
      {shown.length < versions.length && (
        <div class="panel-foot">
          <button type="button" class="button small" onClick={() => setAll(true)}>
            Show all {versions.length}
          </button>
        </div>
      )}
    </Panel>
  );
}

function OldVersion({ current, version }: { current: Policy; version: number }) {
  const [failure, setFailure] = useState("");
  const [whole, setWhole] = useState(false);
  const query = useQuery(
    `${current.name} ${version}`,
    (signal) => api.policies.getPolicy({ name: current.name, version }, { signal }),
    { topics: [] },
  );
  const restore = async (source: string) => {
    try {
      await api.policies.applyPolicies({ source, expectedVersion: current.version });
      setQuery({ version: "" });
    } catch (error) {
      setFailure(explainError(error));
    }
  };
  return (
    <Answer query={query} missing="This version is no longer kept">
      {({ summary }) => {
        const source = summary?.policy?.source ?? "";
        return (
          <div class="version-open">
            <div class="actions">
              <button
                type="button"
                class="button small"
                aria-pressed={whole}
                onClick={() => setWhole(!whole)}
              >
                {whole ? "Show what changed since" : "Show it whole"}
              </button>
              <button type="button" class="button small" onClick={() => void restore(source)}>
                Restore version {version}
              </button>
            </div>
            {failure !== "" && <Failure message={failure} />}
            {whole ? <YamlText text={source} /> : <DiffView before={source} after={current.source} />}
          </div>
        );
      }}
    </Answer>
  );
}
