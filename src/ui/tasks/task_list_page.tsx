import { metrics } from "../../model/metric.ts";
import { api } from "../api.ts";
import { Answer } from "../components/answer.tsx";
import { Empty } from "../components/empty.tsx";
import { Pager, pageSize, readOffset } from "../components/pager.tsx";
import { Panel } from "../components/panel.tsx";
import { SearchField } from "../components/search_field.tsx";
import { useTitle } from "../components/use_title.ts";
import { formatCount } from "../format.ts";
import { place, setQuery } from "../router.ts";
import { useQuery } from "../use_query.ts";
import { stateNames, stateWords } from "../words.ts";
import { ServiceSelect } from "./service_select.tsx";
import { TaskTable } from "./task_table.tsx";

const filterNames = ["search", "service", "metric", "state", "policy", "process"] as const;

/** All triggered tasks, newest first: search, filters, pages. */
export function TaskListPage() {
  useTitle("Tasks");
  const { query: settings } = place.value;
  const filters = Object.fromEntries(filterNames.map((name) => [name, settings.get(name) ?? ""])) as Record<
    (typeof filterNames)[number],
    string
  >;
  const { search, service, metric, state, policy, process: processId } = filters;
  const offset = readOffset(settings);
  const states = stateNames.filter(([name]) => name === state).map(([, value]) => value);
  const query = useQuery(
    [...Object.values(filters), offset].join("\n"),
    (signal) =>
      api.tasks.listTasks(
        { search, service, metric, policy, processId, states, offset, limit: pageSize },
        { signal },
      ),
    { topics: ["tasks"], atMostEveryMs: 2000 },
  );
  const filtered = Object.values(filters).some((value) => value !== "");
  const title = policy !== "" ? `Policy ${policy}` : processId !== "" ? "Of one process" : "Newest first";
  return (
    <>
      <div class="page-head">
        <div>
          <h1>Tasks</h1>
          <p class="lede">Each is one moment a process crossed a policy, and the profile taken of it.</p>
        </div>
      </div>
      <Panel
        title={title}
        count={query.data === undefined ? undefined : formatCount(query.data.total)}
        end={
          <>
            {(policy !== "" || processId !== "") && (
              <button
                type="button"
                class="button small"
                onClick={() => setQuery({ policy: "", process: "", from: "" })}
              >
                All tasks
              </button>
            )}
            <ServiceSelect value={service} onChoose={(text) => setQuery({ service: text, from: "" })} />
            <select
              aria-label="Metric"
              value={metric}
              onChange={(event) => setQuery({ metric: event.currentTarget.value, from: "" })}
            >
              <option value="">All metrics</option>
              {Object.keys(metrics).map((name) => <option key={name} value={name}>{name}</option>)}
            </select>
            <select
              aria-label="State"
              value={state}
              onChange={(event) => setQuery({ state: event.currentTarget.value, from: "" })}
            >
              <option value="">All states</option>
              {stateNames.map(([name, value]) => (
                <option key={name} value={name}>{stateWords(value).text}</option>
              ))}
            </select>
            <SearchField
              label="Search policy, service, host, id"
              value={search}
              onSearch={(text) => setQuery({ search: text, from: "" })}
            />
          </>
        }
      >
        <Answer query={query}>
          {({ tasks, total }) =>
            total === 0 ? <NoTasks filtered={filtered} /> : (
              <>
                <TaskTable tasks={tasks} />
                <Pager from={offset} shown={tasks.length} total={total} />
              </>
            )}
        </Answer>
      </Panel>
    </>
  );
}

function NoTasks({ filtered }: { filtered: boolean }) {
  return filtered
    ? (
      <Empty title="No task matches">
        <button
          type="button"
          class="button"
          onClick={() => setQuery({ ...Object.fromEntries(filterNames.map((name) => [name, ""])), from: "" })}
        >
          Show all
        </button>
      </Empty>
    )
    : (
      <Empty title="No task yet">
        <p>A task starts by itself when a process crosses a rule of a policy.</p>
        <a class="button primary" href="/new-policy">Write a policy</a>
      </Empty>
    );
}
