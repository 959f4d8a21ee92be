import { useEffect, useState } from "preact/hooks";
import type { CheckPolicyResponse } from "../../gen/stakeout/v1/policy_service_pb.ts";
import { api } from "../api.ts";
import { Answer } from "../components/answer.tsx";
import { Name } from "../components/name.tsx";
import { Panel } from "../components/panel.tsx";
import { formatCount } from "../format.ts";
import { type Query, useQuery } from "../use_query.ts";
import { baseName } from "../words.ts";

const restMs = 350;

/** What the backend says of a text once typing rests. `source` is the newest text without problems, `""` before there is one. */
export function usePolicyCheck(source: string): Query<CheckPolicyResponse> {
  const [asked, setAsked] = useState(source);
  useEffect(() => {
    const timer = setTimeout(() => setAsked(source), restMs);
    return () => clearTimeout(timer);
  }, [source]);
  return useQuery(asked, (signal) => api.policies.checkPolicy({ source: asked }, { signal }), {
    topics: ["inventory"],
    atMostEveryMs: 5000,
  });
}

/** Which processes a text would match now. */
export function MatchPreview({ query }: { query: Query<CheckPolicyResponse> }) {
  return (
    <Panel
      title="Matches now"
      count={query.data === undefined ? undefined : formatCount(query.data.matchedProcesses)}
    >
      <Answer query={query}>
        {({ matches, matchedProcesses }) =>
          matchedProcesses === 0
            ? (
              <p class="empty">
                No process known now matches this target. It may still be saved: a process that starts later
                is covered from its first full second.
              </p>
            )
            : (
              <ul class="matches">
                {matches.map((process) => (
                  <li key={process.id}>
                    <Name text={process.service} />
                    <span class="muted">
                      <Name text={`${baseName(process.exe) || process.name} ${process.pid}`} />
                    </span>
                  </li>
                ))}
                {matchedProcesses > matches.length && (
                  <li class="muted">and {formatCount(matchedProcesses - matches.length)} more</li>
                )}
              </ul>
            )}
      </Answer>
    </Panel>
  );
}
