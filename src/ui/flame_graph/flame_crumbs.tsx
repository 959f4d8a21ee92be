import { cutMiddle, formatShare, formatWeight, showInvisible } from "../format.ts";
import type { FlameTree, WeightUnit } from "./flame_tree.ts";

const most = 4;
const longest = 34;

/** The way from the whole down to what is zoomed into; each step zooms back out to it. */
export function FlameCrumbs({ tree, unit, zoom, onZoom }: {
  tree: FlameTree;
  unit: WeightUnit;
  zoom: number;
  onZoom: (node: number) => void;
}) {
  const nodes: number[] = [];
  for (let node = zoom; node > 0; node = tree.parent[node]!) nodes.push(node);
  nodes.reverse();
  const shown = nodes.slice(-most);
  return (
    <nav class="flame-crumbs" aria-label="Zoom">
      <ol>
        <li>
          <button type="button" class="link" disabled={zoom === 0} onClick={() => onZoom(0)}>
            All, {formatWeight(tree.total[0]!, unit)}
            {unit === "nanoseconds" ? "" : ` ${unit}`}
          </button>
        </li>
        {nodes.length > most && <li class="muted">… {nodes.length - most} more</li>}
        {shown.map((node) => (
          <li key={node}>
            <button
              type="button"
              class="link mono"
              title={showInvisible(tree.symbols[tree.symbol[node]!]!.name)}
              disabled={node === zoom}
              {...(node === zoom ? { "aria-current": "true" as const } : {})}
              onClick={() => onZoom(node)}
            >
              {cutMiddle(showInvisible(tree.symbols[tree.symbol[node]!]!.name), longest)}
            </button>
          </li>
        ))}
      </ol>
      {zoom !== 0 && <span class="muted number">{formatShare(tree.total[zoom]!, tree.total[0]!)} of all
      </span>}
    </nav>
  );
}
