import { useState } from "preact/hooks";
import { Name } from "../components/name.tsx";
import { SortHeader } from "../components/sort_header.tsx";
import { formatCount } from "../format.ts";
import { type Measure, measureTraffic } from "./measures.ts";
import { channelWords, type GraphLink, type NetworkGraph } from "./network_graph.ts";

const firstRows = 50;

const columns: readonly { readonly measure: Measure; readonly title: string; readonly class: string }[] = [
  { measure: "rate", title: "Requests", class: "number" },
  { measure: "errors", title: "Errors", class: "number" },
  { measure: "latency", title: "Latency", class: "number medium" },
  { measure: "rtt", title: "RTT", class: "number medium" },
  { measure: "retransmits", title: "Retransmits", class: "number wide" },
  { measure: "throughput", title: "Throughput", class: "number medium" },
];
type Order = Measure | "process" | "peer";

/** The same as the map, a row a line; the way for keyboards and screen readers. */
export function LinkTable({ graph, selected, onSelect }: {
  graph: NetworkGraph;
  selected: ReadonlySet<string>;
  onSelect: (links: readonly GraphLink[]) => void;
}) {
  const [order, setOrder] = useState<{ by: Order; descending: boolean }>({
    by: graph.links.some(({ sum }) => sum.http.requests > 0) ? "rate" : "throughput",
    descending: true,
  });
  const [all, setAll] = useState(false);
  const sorted = sortLinks(graph, order);
  const shown = all ? sorted : sorted.slice(0, firstRows);
  const header = (by: Order, title: string, className = "") => (
    <SortHeader
      key={by}
      title={title}
      class={className}
      active={order.by === by}
      descending={order.descending}
      onSort={() =>
        setOrder({ by, descending: order.by === by ? !order.descending : by !== "process" && by !== "peer" })}
    />
  );
  return (
    <>
      <div class="table-box">
        <table class="link-table">
          <thead>
            <tr>
              {header("process", "Process", "medium")}
              <th scope="col" class="fit medium">
                <span class="hidden">Direction</span>
              </th>
              {header("peer", "Peer")}
              {columns.map((column) => header(column.measure, column.title, column.class))}
            </tr>
          </thead>
          <tbody>
            {shown.map((link) => (
              <LinkRow
                key={link.key}
                link={link}
                graph={graph}
                chosen={selected.has(link.key)}
                onSelect={onSelect}
              />
            ))}
          </tbody>
        </table>
      </div>
      {sorted.length > firstRows && (
        <div class="panel-foot">
          <button type="button" class="button small" onClick={() => setAll(!all)}>
            {all ? "Show fewer" : `Show ${formatCount(sorted.length - firstRows)} more`}
          </button>
        </div>
      )}
    </>
  );
}

function LinkRow({ link, graph, chosen, onSelect }: {
  link: GraphLink;
  graph: NetworkGraph;
  chosen: boolean;
  onSelect: (links: readonly GraphLink[]) => void;
}) {
  const [own, peer] = [graph.nodes.get(link.process), graph.nodes.get(link.peer)];
  const verb = !link.isDirected ? "talks to" : link.side === "client" ? "serves" : "calls";
  const where = peer !== undefined && link.channel.startsWith(peer.detail) ? "" : peer?.detail;
  return (
    <tr class={chosen ? "chosen" : ""}>
      <td class="names medium">
        <Name text={own?.title ?? ""} />
      </td>
      <td class="fit muted medium">{verb}</td>
      <td class="names grow">
        <button
          type="button"
          class="link"
          aria-pressed={chosen}
          onClick={() => onSelect(chosen ? [] : [link])}
        >
          <Name text={peer?.title ?? ""} />
        </button>
        <span class="sub">
          <Name text={[where, channelWords(link)].filter(Boolean).join(", ")} />
        </span>
        <span class="sub only-narrow">
          <Name text={`${own?.title ?? ""} ${verb} it`} />
        </span>
      </td>
      {columns.map(({ measure, class: className }) => {
        const figure = measureTraffic(link.sum, measure, graph.seconds);
        return (
          <td key={measure} class={className}>
            {figure === undefined
              ? <span class="muted">–</span>
              : <span class={figure.isBad ? "bad" : ""}>{figure.text}</span>}
          </td>
        );
      })}
    </tr>
  );
}

function sortLinks(graph: NetworkGraph, { by, descending }: { by: Order; descending: boolean }): GraphLink[] {
  const sign = descending ? -1 : 1;
  const compare = (one: GraphLink, two: GraphLink): number => {
    if (by === "process" || by === "peer") {
      const [first, second] = [one, two].map((link) => graph.nodes.get(link[by])?.title ?? "");
      return first!.localeCompare(second!);
    }
    const [first, second] = [one, two].map(({ sum }) => measureTraffic(sum, by, graph.seconds)?.size ?? -1);
    return first! - second!;
  };
  return graph.links.toSorted((one, two) => sign * compare(one, two) || (one.key < two.key ? -1 : 1));
}
