import type { PolicySummary } from "../../gen/stakeout/v1/policy_service_pb.ts";
import { parsePolicies } from "../../model/policy_file.ts";
import { api } from "../api.ts";
import { Answer } from "../components/answer.tsx";
import { Empty } from "../components/empty.tsx";
import { Icon } from "../components/icon.tsx";
import { Name } from "../components/name.tsx";
import { Pager, pageSize, readOffset } from "../components/pager.tsx";
import { Panel } from "../components/panel.tsx";
import { SearchField } from "../components/search_field.tsx";
import { Ago } from "../components/time.tsx";
import { useTitle } from "../components/use_title.ts";
import { formatCount } from "../format.ts";
import { place, setQuery } from "../router.ts";
import { useQuery } from "../use_query.ts";
import { describeRule } from "../words.ts";

/** All policies: what each watches for, whether it matches anything, and what came of it. */
export function PolicyListPage() {
  useTitle("Policies");
  const search = place.value.query.get("search") ?? "";
  const offset = readOffset(place.value.query);
  const query = useQuery(
    `${search}\n${offset}`,
    (signal) => api.policies.listPolicies({ search, offset, limit: pageSize }, { signal }),
    { topics: ["policies", "tasks", "agents"], atMostEveryMs: 2000 },
  );
  return (
    <>
      <div class="page-head">
        <div>
          <h1>Policies</h1>
          <p class="lede">
            Each says what “misbehaving” means for some processes, and which profile to take of it.
          </p>
        </div>
        <a class="button primary" href="/new-policy">
          <Icon name="plus" />New policy
        </a>
      </div>
      <Panel
        title="All policies"
        count={query.data === undefined ? undefined : formatCount(query.data.total)}
        end={
          <SearchField
            label="Search policies"
            value={search}
            onSearch={(text) => setQuery({ search: text, from: "" })}
          />
        }
      >
        <Answer query={query}>
          {({ policies, total }) =>
            total === 0 ? <NoPolicies search={search} /> : (
              <>
                <PolicyTable policies={policies} />
                <Pager from={offset} shown={policies.length} total={total} />
              </>
            )}
        </Answer>
      </Panel>
    </>
  );
}

function NoPolicies({ search }: { search: string }) {
  return search === ""
    ? (
      <Empty title="Write your first policy">
        <p>
          For example: when checkout's CPU is over 80 % in 5 of the last 10 seconds, profile it for 10
          minutes. Services and processes to choose from are already known.
        </p>
        <a class="button primary" href="/new-policy">New policy</a>
        <p>Or from a file:</p>
        <code class="command">stakeout policy apply -f policy.yaml</code>
      </Empty>
    )
    : (
      <Empty title="No policy matches">
        <button type="button" class="button" onClick={() => setQuery({ search: "" })}>Show all</button>
      </Empty>
    );
}

function PolicyTable({ policies }: { policies: readonly PolicySummary[] }) {
  return (
    <div class="table-box">
      <table>
        <thead>
          <tr>
            <th scope="col">Policy</th>
            <th scope="col" class="medium">Trips when</th>
            <th scope="col" class="number">Matches</th>
            <th scope="col" class="number">Trips</th>
            <th scope="col" class="medium">Last trip</th>
            <th scope="col" class="number wide">Refused</th>
          </tr>
        </thead>
        <tbody>
          {policies.map((summary) => <PolicyRow key={summary.policy?.name} summary={summary} />)}
        </tbody>
      </table>
    </div>
  );
}

function PolicyRow({ summary }: { summary: PolicySummary }) {
  const { policy, paused, description, matchedProcesses, trips, lastTripUnixMs, refusals } = summary;
  if (policy === undefined) return null;
  const rules = parsePolicies(policy.source).documents[0]?.policy.rules ?? [];
  return (
    <tr>
      <td class="names">
        <span class="policy-name">
          <a href={`/policies/${policy.name}`}>
            <Name text={policy.name} />
          </a>
          {paused && <span class="tag">paused</span>}
        </span>
        {description !== "" && (
          <span class="sub">
            <Name text={description} />
          </span>
        )}
      </td>
      <td class="names grow medium">
        {rules.slice(0, 2).map((rule, index) => (
          <div key={index}>
            <Name text={describeRule(rule)} />
          </div>
        ))}
        {rules.length > 2 && <span class="sub">or {rules.length - 2} more rules</span>}
      </td>
      <td class="number">
        {matchedProcesses === 0 && !paused
          ? <span class="trip" title="No process of any connected agent matches its target now">none</span>
          : formatCount(matchedProcesses)}
      </td>
      <td class="number">
        {trips === 0
          ? <span class="muted">0</span>
          : <a href={`/tasks?policy=${policy.name}`}>{formatCount(trips)}</a>}
      </td>
      <td class="fit medium">
        <Ago unixMs={lastTripUnixMs} />
      </td>
      <td class="number wide" title="Rules or kinds that an agent cannot carry out">
        {refusals === 0 ? <span class="muted">0</span> : formatCount(refusals)}
      </td>
    </tr>
  );
}
