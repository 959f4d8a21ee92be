import { isMetricName, metrics } from "../../model/metric.ts";
import { api } from "../api.ts";
import { Answer } from "../components/answer.tsx";
import { useTitle } from "../components/use_title.ts";
import { place } from "../router.ts";
import { useQuery } from "../use_query.ts";
import { newDraft, newRule, type RuleDraft, writeDraft } from "./policy_draft.ts";
import { PolicyEditor } from "./policy_editor.tsx";

/** Editor of a policy; `name` is `""` for a new one. */
export function PolicyEditorPage({ name }: { name: string }) {
  useTitle(name === "" ? "New policy" : `Edit ${name}`);
  return name === "" ? <NewPolicy /> : <ExistingPolicy name={name} />;
}

function ExistingPolicy({ name }: { name: string }) {
  const query = useQuery(name, (signal) => api.policies.getPolicy({ name }, { signal }), { topics: [] });
  return (
    <Answer query={query} missing={`There is no policy named ${name}`}>
      {({ summary }) =>
        summary?.policy !== undefined && (
          <PolicyEditor name={name} source={summary.policy.source} version={summary.policy.version} />
        )}
    </Answer>
  );
}

/** Starts from the service of the address, or from the busiest one. */
function NewPolicy() {
  const { query: settings } = place.value;
  const asked = settings.get("service") ?? "";
  const exe = settings.get("exe") ?? "";
  const query = useQuery("overview", (signal) => api.query.getOverview({}, { signal }), { topics: [] });
  return (
    <Answer query={query}>
      {({ services }) => {
        const target = asked !== "" ? { service: asked } : exe !== "" ? { exe } : {
          service: services[0]?.service ?? "",
        };
        const draft = newDraft(target, readRule(settings));
        const written = writeDraft(draft);
        return (
          <PolicyEditor name="" source={"text" in written ? written.text : ""} version={0} draft={draft} />
        );
      }}
    </Answer>
  );
}

/** The rule that an address asks for, such as on one path. */
function readRule(settings: URLSearchParams): RuleDraft {
  const metric = settings.get("metric") ?? "";
  const path = settings.get("path") ?? "";
  const rule = newRule(isMetricName(metric) ? metric : "process_cpu");
  if (!metrics[rule.metric].http) return rule;
  return {
    ...rule,
    ...path === "" ? {} : { uriKind: "paths", uri: path },
    role: settings.get("role") === "client" ? "client" : "server",
  };
}
