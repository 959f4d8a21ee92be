import { api } from "../api.ts";
import { Answer } from "../components/answer.tsx";
import { Empty } from "../components/empty.tsx";
import { Pager, pageSize, readOffset } from "../components/pager.tsx";
import { Panel } from "../components/panel.tsx";
import { SearchField } from "../components/search_field.tsx";
import { useTitle } from "../components/use_title.ts";
import { formatCount, showInvisible } from "../format.ts";
import { place, setQuery } from "../router.ts";
import { ProfileNow } from "../tasks/profile_now.tsx";
import { useQuery } from "../use_query.ts";
import { type ProcessOrder, ProcessTable } from "./process_table.tsx";

/** All processes of all hosts: search, order, pages. */
export function ProcessListPage() {
  useTitle("Processes");
  const { query: settings } = place.value;
  const search = settings.get("search") ?? "";
  const service = settings.get("service") ?? "";
  const order = (settings.get("order") ?? "cpu") as ProcessOrder;
  const includeEnded = settings.get("ended") === "1";
  const offset = readOffset(settings);
  const query = useQuery(
    [search, service, order, includeEnded, offset].join("\n"),
    (signal) =>
      api.query.listProcesses({ search, service, order, includeEnded, offset, limit: pageSize }, { signal }),
    { topics: ["inventory", "agents", "policies"], atMostEveryMs: 3000 },
  );
  const filtered = search !== "" || service !== "" || includeEnded;
  return (
    <>
      <div class="page-head">
        <div>
          <h1>Processes</h1>
          <p class="lede">Every user process of every host, found without configuration.</p>
        </div>
        {service !== "" && <ProfileNow target={{ service }} title={showInvisible(service)} />}
      </div>
      <Panel
        title={service === "" ? "All hosts" : `Service ${service}`}
        count={query.data === undefined ? undefined : formatCount(query.data.total)}
        end={
          <>
            {service !== "" && (
              <button
                type="button"
                class="button small"
                onClick={() => setQuery({ service: "", from: "" })}
              >
                All services
              </button>
            )}
            <label class="check">
              <input
                type="checkbox"
                checked={includeEnded}
                onChange={(event) => setQuery({ ended: event.currentTarget.checked ? "1" : "", from: "" })}
              />
              Ended too
            </label>
            <SearchField
              label="Search name, path, service, host, PID"
              value={search}
              onSearch={(text) => setQuery({ search: text, from: "" })}
            />
          </>
        }
      >
        <Answer query={query}>
          {({ processes, total }) =>
            total === 0 ? <NoProcesses filtered={filtered} /> : (
              <>
                <ProcessTable
                  processes={processes}
                  order={order}
                  onSort={(by) => setQuery({ order: by === "cpu" ? "" : by, from: "" })}
                />
                <Pager from={offset} shown={processes.length} total={total} />
              </>
            )}
        </Answer>
      </Panel>
    </>
  );
}

function NoProcesses({ filtered }: { filtered: boolean }) {
  return filtered
    ? (
      <Empty title="No process matches">
        <button
          type="button"
          class="button"
          onClick={() => setQuery({ search: "", service: "", ended: "", from: "" })}
        >
          Show all
        </button>
      </Empty>
    )
    : (
      <Empty title="No process is known yet">
        <p>Processes appear as soon as an agent reports. Run one on this host or any other:</p>
        <code class="command">stakeout agent --backend {location.origin}</code>
      </Empty>
    );
}
