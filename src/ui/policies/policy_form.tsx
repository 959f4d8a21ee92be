import type { SeenPath } from "../../gen/stakeout/v1/policy_service_pb.ts";
import { metrics } from "../../model/metric.ts";
import { profileKinds } from "../../model/policy.ts";
import { Icon } from "../components/icon.tsx";
import { FormField } from "./form_field.tsx";
import { newRule, type PolicyDraft, targetFields } from "./policy_draft.ts";
import { RuleFields } from "./rule_fields.tsx";
import { useSuggestions } from "./use_suggestions.ts";

const targetTitles = {
  service: "Service",
  exe: "Executable's path",
  instance: "Instance",
  cgroup: "Cgroup",
  host: "Host",
} as const;
const targetHints = {
  service: "checkout*",
  exe: "/usr/bin/java",
  instance: "",
  cgroup: "*/docker/*",
  host: "web-*",
} as const;
const kindTitles = { on_cpu: "On-CPU", off_cpu: "Off-CPU", network: "Network" } as const;
const kindHints = {
  on_cpu: "which code uses the CPU",
  off_cpu: "where threads wait",
  network: "which requests are slow",
} as const;

/** The common policy as a form; every change gives a whole new draft. */
export function PolicyForm({ draft, faults, paths, onChange }: {
  draft: PolicyDraft;
  /** What is wrong, by the path of its field in the YAML. */
  faults: ReadonlyMap<string, string>;
  /** Seen at the processes that match, of both sides. */
  paths: readonly SeenPath[];
  onChange: (draft: PolicyDraft) => void;
}) {
  const suggestions = useSuggestions();
  const change = (part: Partial<PolicyDraft>) => onChange({ ...draft, ...part });
  const changeRule = (index: number, rule: PolicyDraft["rules"][number]) =>
    change({ rules: draft.rules.with(index, rule) });
  return (
    <form class="policy-form" onSubmit={(event) => event.preventDefault()}>
      <div class="form-pair">
        <FormField
          title="Name"
          value={draft.name}
          hint="checkout-latency"
          fault={faults.get("metadata.name")}
          onInput={(name) => change({ name })}
        />
        <FormField
          title="Description"
          value={draft.description}
          fault={faults.get("metadata.description")}
          onInput={(description) => change({ description })}
        />
      </div>
      <fieldset>
        <legend>Which processes</legend>
        <p class="muted form-note">
          All that are given must match; <code>*</code> stands for anything.
        </p>
        <div class="form-pair">
          {targetFields.map((name) => (
            <FormField
              key={name}
              title={targetTitles[name]}
              value={draft[name]}
              hint={targetHints[name]}
              options={suggestions[name]}
              fault={faults.get(`target.${name}`) ?? (name === "service" ? faults.get("target") : undefined)}
              onInput={(glob) => change({ [name]: glob })}
            />
          ))}
          <FormField
            title="Labels"
            value={draft.labels}
            hint="team=payments env=prod*"
            fault={faults.get("target.labels")}
            onInput={(labels) => change({ labels })}
          />
        </div>
      </fieldset>
      <fieldset>
        <legend>Trips</legend>
        {draft.rules.map((rule, index) => (
          <RuleFields
            key={index}
            rule={rule}
            index={index}
            paths={paths}
            faultOf={(field) => faults.get(`rules[${index}].${field}`)}
            onChange={(changed) => changeRule(index, changed)}
            onRemove={draft.rules.length === 1
              ? undefined
              : () => change({ rules: draft.rules.toSpliced(index, 1) })}
          />
        ))}
        {draft.rules.length < 16 && (
          <button
            type="button"
            class="button small"
            onClick={() => change({ rules: [...draft.rules, newRule("process_thread_count")] })}
          >
            <Icon name="plus" />Add a rule
          </button>
        )}
        {draft.rules.some(({ metric }) => metrics[metric].http) && (
          <label class="check form-tls">
            <input
              type="checkbox"
              checked={draft.tls}
              onChange={(event) => change({ tls: event.currentTarget.checked })}
            />
            <span>
              Encrypted requests too{" "}
              <span class="muted">probes in the TLS library; each message costs a little</span>
            </span>
          </label>
        )}
      </fieldset>
      <fieldset>
        <legend>Then profiles</legend>
        <div class="kinds">
          {profileKinds.map((kind) => (
            <label key={kind} class="check">
              <input
                type="checkbox"
                checked={draft.start.includes(kind)}
                onChange={(event) =>
                  change({
                    start: event.currentTarget.checked
                      ? [...draft.start, kind]
                      : draft.start.filter((one) => one !== kind),
                  })}
              />
              <span>
                {kindTitles[kind]} <span class="muted">{kindHints[kind]}</span>
              </span>
            </label>
          ))}
        </div>
        {faults.has("start") && <p class="bad">{faults.get("start")}</p>}
        <div class="form-four">
          <FormField
            title="For"
            value={draft.duration}
            hint="10m"
            fault={faults.get("duration")}
            onInput={(duration) => change({ duration })}
          />
          <FormField
            title="Then silent for"
            value={draft.silence}
            hint="20m"
            fault={faults.get("silence")}
            onInput={(silence) => change({ silence })}
          />
          {draft.start.includes("on_cpu") && (
            <FormField
              title="Samples a second"
              value={draft.frequency}
              hint="99"
              fault={faults.get("on_cpu.frequency")}
              onInput={(frequency) => change({ frequency })}
            />
          )}
          {draft.start.includes("off_cpu") && (
            <FormField
              title="Waits of at least"
              value={draft.offCpuMinimum}
              hint="1ms"
              fault={faults.get("off_cpu.minimum")}
              onInput={(offCpuMinimum) => change({ offCpuMinimum })}
            />
          )}
        </div>
      </fieldset>
    </form>
  );
}
