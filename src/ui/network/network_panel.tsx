import { useMemo, useState } from "preact/hooks";
import { type NetworkProfile, NetworkRole } from "../../gen/stakeout/v1/network_pb.ts";
import { type Task, TaskState } from "../../gen/stakeout/v1/task_pb.ts";
import { api } from "../api.ts";
import { Answer, Failure } from "../components/answer.tsx";
import { Empty } from "../components/empty.tsx";
import { Segments } from "../components/segments.tsx";
import { useWidth } from "../components/use_width.ts";
import { formatBytes, formatCount } from "../format.ts";
import { RangeStrip } from "../tasks/range_strip.tsx";
import { type SecondRange, wholeRange } from "../tasks/second_range.ts";
import { useQuery } from "../use_query.ts";
import { DnsTable } from "./dns_table.tsx";
import { LinkPanel } from "./link_panel.tsx";
import { LinkTable } from "./link_table.tsx";
import { LossNote } from "./loss_note.tsx";
import { type Measure, measureHints, measures } from "./measures.ts";
import { buildGraph, type GraphLink, type NetworkGraph, weigh } from "./network_graph.ts";
import { PathTable } from "./path_table.tsx";
import { type SampleEnds, SampleTable } from "./sample_table.tsx";
import { Topology } from "./topology.tsx";

const refreshMs = 2500;
/** Edges that the backend tells the seconds of at once. */
const mostEdges = 64;
/** Below it the three columns of the map do not fit. */
const mapWidth = 700;

/** A network profile: map and table of who talks to whom, charts and requests of what is chosen, paths and names. */
export function NetworkPanel({ task }: { task: Task }) {
  const [range, setRange] = useState<SecondRange>(wholeRange);
  const query = useNetworkProfile(task, range, []);
  return (
    <Answer query={query} missing="This profile is no longer kept">
      {({ profile }) =>
        profile !== undefined && (
          <NetworkContent task={task} profile={profile} range={range} onRange={setRange} />
        )}
    </Answer>
  );
}

function useNetworkProfile(task: Task, range: SecondRange, edges: readonly number[]) {
  return useQuery(
    `${task.id} ${range.from} ${range.to} ${edges.join()}`,
    (signal) =>
      api.tasks.getNetworkProfile({
        ...{ taskId: task.id, fromSecond: range.from, toSecond: range.to, edges: [...edges] },
      }, { signal }),
    { topics: ["profiles", "tasks"], taskId: task.id, atMostEveryMs: refreshMs },
  );
}

function NetworkContent({ task, profile, range, onRange }: {
  task: Task;
  profile: NetworkProfile;
  range: SecondRange;
  onRange: (range: SecondRange) => void;
}) {
  const graph = useMemo(() => buildGraph(profile), [profile]);
  const [keys, setKeys] = useState<ReadonlySet<string>>(new Set());
  const chosen = useMemo(() => graph.links.filter(({ key }) => keys.has(key)), [graph, keys]);
  const select = (links: readonly GraphLink[]) => setKeys(new Set(links.map(({ key }) => key)));
  const hasRequests = profile.secondRequests.some((count) => count > 0n);
  const seconds = useMemo(
    () => (hasRequests ? profile.secondRequests : profile.secondBytes).map(Number),
    [profile, hasRequests],
  );
  return (
    <>
      <RangeStrip
        seconds={seconds}
        startUnixMs={Number(task.startedAtUnixMs)}
        describe={(sum) => hasRequests ? `${formatCount(sum)} requests` : formatBytes(sum)}
        range={range}
        onRange={onRange}
      />
      {graph.links.length === 0
        ? <NoTraffic task={task} />
        : <Connections graph={graph} selected={keys} onSelect={select} />}
      <LossNote profile={profile} />
      {chosen.length > 0
        ? (
          <ChosenLinks
            key={[...keys].join()}
            task={task}
            graph={graph}
            links={chosen}
            range={range}
            onClose={() => select([])}
          />
        )
        : <Tables profile={profile} graph={graph} />}
    </>
  );
}

function Connections({ graph, selected, onSelect }: {
  graph: NetworkGraph;
  selected: ReadonlySet<string>;
  onSelect: (links: readonly GraphLink[]) => void;
}) {
  const { ref, width } = useWidth<HTMLDivElement>();
  const [view, setView] = useState<"map" | "table">();
  const [measure, setMeasure] = useState<Measure>();
  const [all, setAll] = useState(false);
  const shown = view ?? (width > 0 && width < mapWidth ? "table" : "map");
  const hasRequests = graph.links.some(({ sum }) => sum.http.requests + sum.dns.requests > 0);
  const drawn = measure ?? (hasRequests ? "rate" : "throughput");
  return (
    <div ref={ref}>
      <div class="network-tools">
        <Segments
          label="View"
          options={[["map", "Map"], ["table", "Table"]] as const}
          value={shown}
          onChoose={setView}
        />
        {shown === "map" && (
          <>
            <Segments label="Lines show" options={measures} value={drawn} onChoose={setMeasure} />
            {all && (
              <button type="button" class="button small" onClick={() => setAll(false)}>
                Only the busiest
              </button>
            )}
            <span class="muted measure-hint">{measureHints[drawn]}</span>
          </>
        )}
      </div>
      {width > 0 && (shown === "map"
        ? (
          <Topology
            graph={graph}
            measure={drawn}
            selected={selected}
            all={all}
            onAll={() => setAll(true)}
            onSelect={onSelect}
          />
        )
        : <LinkTable graph={graph} selected={selected} onSelect={onSelect} />)}
      {graph.quiet.length > 0 && (
        <p class="quiet muted">
          {graph.quiet.length === 1
            ? "One more process"
            : `${formatCount(graph.quiet.length)} more processes`} of the instance had no traffic here.
        </p>
      )}
    </div>
  );
}

/** What was chosen, asked for by itself: all its seconds, paths and requests. */
function ChosenLinks({ task, graph, links, range, onClose }: {
  task: Task;
  graph: NetworkGraph;
  links: readonly GraphLink[];
  range: SecondRange;
  onClose: () => void;
}) {
  const edges = links.toSorted((one, two) => weigh(two.sum) - weigh(one.sum)).flatMap((link) => link.edges)
    .slice(0, mostEdges).sort((one, two) => one - two);
  const count = links.reduce((sum, link) => sum + link.edges.length, 0);
  const query = useNetworkProfile(task, range, edges);
  const detail = query.data?.profile;
  return (
    <>
      {query.error !== undefined && <Failure message={query.error} retry={query.reload} />}
      {count > mostEdges && (
        <p class="notice">The charts and tables below are of the {mostEdges} busiest of {count} chosen.</p>
      )}
      <LinkPanel graph={graph} links={links} detail={detail} fromSecond={range.from} onClose={onClose} />
      {detail !== undefined && <Tables profile={detail} graph={graph} />}
    </>
  );
}

function Tables({ profile, graph }: { profile: NetworkProfile; graph: NetworkGraph }) {
  const ends = useMemo(() => listEnds(graph, profile), [graph, profile]);
  const hasHttp = profile.totals.some(({ http }) => (http?.requests ?? 0n) > 0n);
  return (
    <>
      {hasHttp && (
        <section aria-label="Paths">
          <h3 class="network-title">Paths</h3>
          <PathTable profile={profile} />
        </section>
      )}
      {hasHttp && (
        <section aria-label="Requests">
          <h3 class="network-title">Requests</h3>
          <SampleTable
            samples={profile.samples}
            endsOf={(edge) => ends.get(edge) ?? { isServer: false, process: "", peer: "" }}
          />
        </section>
      )}
      {profile.dns.length > 0 && (
        <section aria-label="DNS">
          <h3 class="network-title">DNS</h3>
          <DnsTable profile={profile} />
        </section>
      )}
    </>
  );
}

function listEnds(
  { links, nodes }: NetworkGraph,
  { edges }: NetworkProfile,
): ReadonlyMap<number, SampleEnds> {
  const ends = new Map<number, SampleEnds>();
  for (const link of links) {
    const process = nodes.get(link.process)?.title ?? "";
    const peer = nodes.get(link.peer)?.title ?? "";
    for (const edge of link.edges) ends.set(edge, { isServer: link.side === "client", process, peer });
  }
  // The server's end of what one process of the instance says to another has no line of its own.
  for (const { edge, role, processId, peerProcessId } of edges) {
    if (ends.has(edge)) continue;
    const [process, peer] = [processId, peerProcessId].map((id) => nodes.get(`p ${id}`)?.title ?? "");
    ends.set(edge, { isServer: role === NetworkRole.SERVER, process: process!, peer: peer! });
  }
  return ends;
}

function NoTraffic({ task }: { task: Task }) {
  return task.state === TaskState.RUNNING
    ? (
      <Empty title="No traffic yet">
        <p>
          Nothing was sent or received since the task began. What comes appears by itself within five seconds.
        </p>
      </Empty>
    )
    : (
      <Empty title="No traffic">
        <p>No process of the instance sent or received anything in this time, and had no connection open.</p>
      </Empty>
    );
}
