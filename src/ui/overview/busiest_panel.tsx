import type { ProcessSummary } from "../../gen/stakeout/v1/query_service_pb.ts";
import { Empty } from "../components/empty.tsx";
import { Panel } from "../components/panel.tsx";
import { ProcessTable } from "../processes/process_table.tsx";

/** The processes that use most CPU now, over all hosts. */
export function BusiestPanel({ processes }: { processes: readonly ProcessSummary[] }) {
  return (
    <Panel
      title="Busiest processes"
      end={processes.length === 0 ? undefined : <a href="/processes">All processes</a>}
    >
      {processes.length === 0
        ? (
          <Empty title="No processes reported yet">
            <p>An agent lists every user process of its host, before the first policy too.</p>
          </Empty>
        )
        : <ProcessTable processes={processes} />}
    </Panel>
  );
}
