import { type MetricName, metrics } from "../../model/metric.ts";
import type { Rule } from "../../model/policy.ts";
import type { SeenPath } from "../../gen/stakeout/v1/policy_service_pb.ts";
import { Icon } from "../components/icon.tsx";
import { FormField } from "./form_field.tsx";
import { PathChips } from "./path_chips.tsx";
import { newRule, type RuleDraft } from "./policy_draft.ts";

const uriKinds = [["", "All requests"], ["paths", "Exact paths"], ["prefixes", "Prefixes"], [
  "regex",
  "Regular expression",
]] as const;

/** One rule of the form, read as a sentence: metric, threshold, in count of period. */
export function RuleFields({ rule, index, paths, faultOf, onChange, onRemove }: {
  rule: RuleDraft;
  index: number;
  paths: readonly SeenPath[];
  /** What is wrong with a field of this rule, by its name. */
  faultOf: (field: string) => string | undefined;
  onChange: (rule: RuleDraft) => void;
  /** Absent for the only rule. */
  onRemove: (() => void) | undefined;
}) {
  const { http, unit } = metrics[rule.metric];
  const change = (part: Partial<RuleDraft>) => onChange({ ...rule, ...part });
  return (
    <fieldset class="rule" aria-label={`Rule ${index + 1}`}>
      <div class="rule-line">
        <label class="field">
          <span>{index === 0 ? "When" : "Or when"}</span>
          <select
            value={rule.metric}
            onChange={(event) => {
              const metric = event.currentTarget.value as MetricName;
              // What the new metric does not read must not stay in the text.
              const { threshold, errors, includePending } = newRule(metric);
              change({
                ...{ metric, threshold },
                ...metric === "http_error_rate" ? {} : { errors },
                ...metrics[metric].unit === "milliseconds" ? {} : { includePending },
              });
            }}
          >
            {[false, true].map((http) => (
              <optgroup key={http} label={http ? "HTTP" : "Process and host"}>
                {Object.values(metrics).filter((metric) => metric.http === http).map(({ name, title }) => (
                  <option key={name} value={name}>{title}</option>
                ))}
              </optgroup>
            ))}
          </select>
        </label>
        <FormField
          title="is at least"
          value={rule.threshold}
          hint={newRule(rule.metric).threshold}
          fault={faultOf("threshold")}
          onInput={(threshold) => change({ threshold })}
        />
        <FormField
          title="in"
          value={rule.count}
          fault={faultOf("count")}
          onInput={(count) => change({ count })}
        />
        <FormField
          title="seconds of the last"
          value={rule.period}
          hint="10s"
          fault={faultOf("period")}
          onInput={(period) => change({ period })}
        />
        {onRemove !== undefined && (
          <button
            type="button"
            class="button plain icon-only"
            aria-label={`Remove rule ${index + 1}`}
            onClick={onRemove}
          >
            <Icon name="close" />
          </button>
        )}
      </div>
      {http && (
        <div class="rule-http">
          <label class="field">
            <span>Requests</span>
            <select
              value={rule.uriKind}
              onChange={(event) => change({ uriKind: event.currentTarget.value as RuleDraft["uriKind"] })}
            >
              {uriKinds.map(([kind, title]) => <option key={kind} value={kind}>{title}</option>)}
            </select>
          </label>
          {rule.uriKind !== "" && (
            <FormField
              class="uri"
              title={rule.uriKind === "regex" ? "Expression (RE2)" : "Apart by blanks"}
              value={rule.uri}
              hint={rule.uriKind === "regex" ? "^/api/v[0-9]+/" : "/api/pay /api/cart"}
              fault={faultOf("uri") ?? faultOf(`uri.${rule.uriKind}`)}
              onInput={(uri) => change({ uri })}
            />
          )}
          <label class="field">
            <span>Side</span>
            <select
              value={rule.role}
              onChange={(event) => change({ role: event.currentTarget.value as Rule["role"] })}
            >
              <option value="server">As server</option>
              <option value="client">As client</option>
            </select>
          </label>
          {rule.metric === "http_error_rate" && (
            <label class="field">
              <span>Errors are</span>
              <select
                value={rule.errors}
                onChange={(event) => change({ errors: event.currentTarget.value as Rule["errors"] })}
              >
                <option value="4xx_5xx">4xx and 5xx</option>
                <option value="5xx">5xx only</option>
              </select>
            </label>
          )}
          {unit === "milliseconds" && (
            <label class="check">
              <input
                type="checkbox"
                checked={rule.includePending}
                onChange={(event) => change({ includePending: event.currentTarget.checked })}
              />
              Requests still in flight too
            </label>
          )}
          <PathChips
            paths={paths.filter(({ client }) => client === (rule.role === "client"))}
            rule={rule}
            onChange={change}
          />
        </div>
      )}
    </fieldset>
  );
}
