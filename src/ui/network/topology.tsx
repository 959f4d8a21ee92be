import { useMemo, useRef } from "preact/hooks";
import { Name } from "../components/name.tsx";
import { useWidth } from "../components/use_width.ts";
import { formatCount, showInvisible } from "../format.ts";
import { chooseRows } from "./choose_rows.ts";
import { foldGraph, sides } from "./fold_graph.ts";
import { hasLabels, layoutGraph, type PlacedLine, type PlacedRow } from "./layout_graph.ts";
import { type Measure, measureTraffic, summarizeTraffic } from "./measures.ts";
import {
  channelWords,
  type GraphLink,
  type GraphNode,
  linkEnds,
  type NetworkGraph,
  type Side,
  weigh,
} from "./network_graph.ts";

const firstRows = 12;
const mostRows = 400;
const headings: Readonly<Record<Side, readonly [string, string]>> = {
  client: ["Callers", "Nobody called it."],
  process: ["This instance", ""],
  server: ["What it calls", "It called nobody."],
};

/** Who talks to whom: callers at the left, the instance's processes, what they call at the right. */
export function Topology({ graph, measure, selected, all, onAll, onSelect }: {
  graph: NetworkGraph;
  measure: Measure;
  /** Keys of chosen lines' links. */
  selected: ReadonlySet<string>;
  /** All rows rather than the busiest. */
  all: boolean;
  onAll: () => void;
  onSelect: (links: readonly GraphLink[]) => void;
}) {
  const { ref, width } = useWidth<HTMLDivElement>();
  const placed = usePlaced(graph, { room: width, limit: all ? mostRows : firstRows });
  const scale = widthScale(placed.lines, measure, graph.seconds);
  const anySelected = selected.size > 0;
  const isSelected = (line: PlacedLine) => line.links.some(({ key }) => selected.has(key));
  const labelled = hasLabels(placed);
  return (
    <div class={all ? "topology all" : "topology"} ref={ref}>
      {width > 0 && (
        <div class="topology-field" style={{ width: `${placed.width}px` }}>
          <div class="topology-heads" style={{ gridTemplateColumns: `repeat(3, ${placed.cardWidth}px)` }}>
            {sides.map((side) => <span key={side}>{headings[side][0]}</span>)}
          </div>
          <div class="topology-map" style={{ height: `${placed.height}px` }}>
            <svg width={placed.width} height={placed.height} aria-hidden="true">
              {placed.lines.map((line) => {
                const figure = measureTraffic(line.sum, measure, graph.seconds);
                const chosen = isSelected(line);
                const tone = figure === undefined ? "none" : figure.isBad ? "bad" : "";
                const faded = anySelected && !chosen ? "faded" : "";
                return (
                  <g
                    key={line.key}
                    class={`line ${tone} ${chosen ? "chosen" : ""} ${faded}`}
                    onClick={() => onSelect(chosen ? [] : line.links)}
                  >
                    <title>{showInvisible(describeLine(line, graph))}</title>
                    <path class="line-hit" d={pathOf(line)} />
                    <path class="line-drawn" d={pathOf(line)} stroke-width={scale(figure?.size)} />
                    {labelled && figure !== undefined && <LineLabel line={line} text={figure.text} />}
                  </g>
                );
              })}
            </svg>
            {placed.rows.map((row) => (
              <Card
                key={row.key}
                row={row}
                graph={graph}
                width={placed.cardWidth}
                lines={placed.lines.filter((line) => line.process === row.key || line.peer === row.key)}
                isChosen={isSelected}
                onAll={onAll}
                onSelect={onSelect}
              />
            ))}
            {sides.filter((side) => !placed.rows.some((row) => row.side === side)).map((side) => (
              <p
                key={side}
                class="topology-none muted"
                style={{ width: `${placed.cardWidth}px`, [side === "client" ? "left" : "right"]: "0" }}
              >
                {headings[side][1]}
              </p>
            ))}
          </div>
        </div>
      )}
    </div>
  );
}

/** Rows keep their places while a task goes on. */
function usePlaced(graph: NetworkGraph, { room, limit }: { room: number; limit: number }) {
  const shown = useRef<Record<Side, readonly string[]>>({ client: [], process: [], server: [] });
  return useMemo(() => {
    for (const side of sides) {
      const rows = [...graph.nodes.values()].filter((node) => node.side === side);
      shown.current[side] = chooseRows(rows, shown.current[side], limit);
    }
    return layoutGraph(foldGraph(graph, shown.current), room);
  }, [graph, room, limit]);
}

function Card({ row, graph, width, lines, isChosen, onAll, onSelect }: {
  row: PlacedRow;
  graph: NetworkGraph;
  width: number;
  lines: readonly PlacedLine[];
  isChosen: (line: PlacedLine) => boolean;
  onAll: () => void;
  onSelect: (links: readonly GraphLink[]) => void;
}) {
  const { node, count, side, sum } = row;
  const chosen = lines.length > 0 && lines.every(isChosen);
  const style = { left: `${row.x}px`, top: `${row.y}px`, width: `${width}px`, height: `${row.height}px` };
  const figures = side === "process" && node !== undefined
    ? sideFigures(node, graph.seconds)
    : [summarizeTraffic(sum, graph.seconds) || "open, nothing passed"];
  if (node === undefined) {
    const what = side === "process" ? "processes" : "peers";
    return (
      <button type="button" class="node rest" style={style} onClick={onAll}>
        <span class="node-title">{formatCount(count)} more {what}</span>
        <span class="node-figures number muted">{figures[0]}</span>
        <span class="link">Show all</span>
      </button>
    );
  }
  return (
    <button
      type="button"
      class={`node ${side}`}
      style={style}
      aria-pressed={chosen}
      onClick={() => onSelect(chosen ? [] : lines.flatMap(({ links }) => links))}
    >
      <span class="node-title">
        <Name text={node.title} />
      </span>
      {node.detail !== "" && (
        <span class="node-detail muted">
          <Name text={node.detail} />
        </span>
      )}
      {figures.map((text) => <span key={text} class="node-figures number" title={text}>{text}</span>)}
    </button>
  );
}

/** What a process serves and what it calls are not added up: a proxy would seem to do everything twice. */
function sideFigures({ served, called, sum }: GraphNode, seconds: number): string[] {
  const parts = ([["serves", served], ["calls", called]] as const).flatMap(([verb, part]) => {
    const text = weigh(part) === 0 ? "" : summarizeTraffic(part, seconds);
    return text === "" ? [] : [`${verb} ${text}`];
  });
  return parts.length > 0 ? parts : [summarizeTraffic(sum, seconds) || "open, nothing passed"];
}

function LineLabel({ line, text }: { line: PlacedLine; text: string }) {
  const outward = line.from.x < line.to.x || line.isInner ? 1 : -1;
  return (
    <text
      class="line-label"
      x={line.from.x + outward * 8}
      y={line.from.y - 4}
      text-anchor={outward > 0 ? "start" : "end"}
    >
      {text}
    </text>
  );
}

function describeLine(line: PlacedLine, { nodes, seconds }: NetworkGraph): string {
  const [first] = line.links;
  if (first === undefined) return "";
  const { from, arrow, to } = linkEnds(first, nodes);
  const ends = line.links.length === 1
    ? `${from?.title} ${arrow} ${to?.title}`
    : `${formatCount(line.links.length)} connections, such as ${from?.title} ${arrow} ${to?.title}`;
  const channels = new Set(line.links.map(channelWords));
  return `${ends}, ${[...channels].slice(0, 4).join(", ")}\n${summarizeTraffic(line.sum, seconds)}`;
}

function pathOf({ from, to, isInner }: PlacedLine): string {
  if (isInner) {
    const out = Math.max(from.x, to.x) + 46;
    return `M${from.x} ${from.y}C${out} ${from.y} ${out} ${to.y} ${to.x} ${to.y}`;
  }
  const middle = (from.x + to.x) / 2;
  return `M${from.x} ${from.y}C${middle} ${from.y} ${middle} ${to.y} ${to.x} ${to.y}`;
}

/** Width by the logarithm of the measure: neighbours of very different sizes are all seen. */
function widthScale(lines: readonly PlacedLine[], measure: Measure, seconds: number) {
  const sizes = lines.map(({ sum }) => measureTraffic(sum, measure, seconds)?.size ?? 0).filter((size) =>
    size > 0
  );
  const [most, least] = [Math.max(...sizes), Math.min(...sizes)];
  return (size: number | undefined): number => {
    if (size === undefined || size <= 0) return 1.25;
    if (most === least) return 2.5;
    return 1.5 + 4.5 * Math.log(size / least) / Math.log(most / least);
  };
}
