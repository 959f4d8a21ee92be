import { useState } from "preact/hooks";
import type { PolicySummary } from "../../gen/stakeout/v1/policy_service_pb.ts";
import type { Policy } from "../../model/policy.ts";
import { parsePolicies } from "../../model/policy_file.ts";
import { describeSeries, seriesVariant } from "../../model/series.ts";
import { api, explainError } from "../api.ts";
import { Failure } from "../components/answer.tsx";
import { ConfirmDialog } from "../components/confirm_dialog.tsx";
import { Icon } from "../components/icon.tsx";
import { Ago } from "../components/time.tsx";
import { formatCount, formatSpan, showInvisible } from "../format.ts";
import { navigate } from "../router.ts";
import { describeRule, describeUri } from "../words.ts";

const kindTitles = { on_cpu: "on-CPU", off_cpu: "off-CPU", network: "network" } as const;

/** A policy in words, and what can be done with it. */
export function PolicyHead({ summary, wasRefused }: { summary: PolicySummary; wasRefused: boolean }) {
  const { policy: stored, paused, description, trips, lastTripUnixMs, refusals } = summary;
  const [failure, setFailure] = useState("");
  const [deleting, setDeleting] = useState(false);
  const [busy, setBusy] = useState(false);
  if (stored === undefined) return null;
  const { name } = stored;
  const policy = parsePolicies(stored.source).documents[0]?.policy;
  const run = async (call: () => Promise<unknown>) => {
    setBusy(true);
    try {
      await call();
      setFailure("");
    } catch (error) {
      setFailure(explainError(error));
    }
    setBusy(false);
  };
  return (
    <>
      <div class="page-head">
        <div>
          <p class="crumbs">
            <a href="/policies">Policies</a>
          </p>
          <h1>
            {name} {paused && <span class="tag">paused</span>}
          </h1>
          {description !== "" && <p class="lede">{showInvisible(description)}</p>}
          {policy !== undefined && <PolicyWords policy={policy} />}
          <p class="lede number">
            {trips === 0 ? wasRefused ? "Tripped, but no task could start" : "Never tripped" : (
              <>
                <a href={`/tasks?policy=${name}`}>
                  Tripped {formatCount(trips)} {trips === 1 ? "time" : "times"}
                </a>, last <Ago unixMs={lastTripUnixMs} />
              </>
            )}
            {refusals > 0 && `. Agents refuse ${formatCount(refusals)} of its parts, see below`}.
          </p>
        </div>
        <div class="actions">
          <button
            type="button"
            class="button"
            disabled={busy}
            onClick={() => void run(() => api.policies.setPolicyPaused({ name, paused: !paused }))}
          >
            <Icon name={paused ? "play" : "pause"} />
            {paused ? "Resume" : "Pause"}
          </button>
          <a class="button" href={`/policies/${name}/edit`}>
            <Icon name="edit" />Edit
          </a>
          <button type="button" class="button danger" disabled={busy} onClick={() => setDeleting(true)}>
            <Icon name="trash" />Delete
          </button>
        </div>
      </div>
      {failure !== "" && <Failure message={failure} />}
      {deleting && (
        <ConfirmDialog
          title={`Delete ${name}?`}
          text="Agents stop judging by it within a second. Its tasks and profiles stay as long as they are kept."
          action="Delete policy"
          onCancel={() => setDeleting(false)}
          onConfirm={() => {
            setDeleting(false);
            void run(async () => {
              await api.policies.deletePolicy({ name });
              navigate("/policies");
            });
          }}
        />
      )}
    </>
  );
}

function PolicyWords({ policy }: { policy: Policy }) {
  const { labels, ...globs } = policy.target;
  const target = [
    ...Object.entries(globs),
    ...Object.entries(labels).map(([label, glob]) => [`label ${label}`, glob]),
  ];
  return (
    <ul class="policy-words">
      <li>
        <span class="muted">Watches</span>
        <span class="policy-target">
          {target.map(([field, glob]) => (
            <span key={field}>
              {field} <code>{showInvisible(glob ?? "")}</code>
            </span>
          ))}
        </span>
      </li>
      {policy.rules.map((rule, index) => (
        <li key={index}>
          <span class="muted">{index === 0 ? "Trips at" : "or at"}</span>
          <span>
            {describeRule(rule)}
            {rule.uri !== undefined && (
              <>
                {" "}on <code>{showInvisible(describeUri(rule.uri))}</code>
              </>
            )}
            {describeSeries({ uri: "", variant: seriesVariant(rule) })}
          </span>
        </li>
      ))}
      <li>
        <span class="muted">Takes</span>
        <span>
          {policy.start.map((kind) => kindTitles[kind]).join(" and ")} for{" "}
          {formatSpan(policy.durationSeconds)}, then is silent for {formatSpan(policy.silenceSeconds)}{" "}
          after its start
        </span>
      </li>
    </ul>
  );
}
