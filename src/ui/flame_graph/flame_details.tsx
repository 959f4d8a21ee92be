import { Name } from "../components/name.tsx";
import { formatShare, formatWeight } from "../format.ts";
import { kindWords, shortenPlace } from "./flame_tip.tsx";
import type { FlameTree, WeightUnit } from "./flame_tree.ts";
import type { FlameLayout } from "./layout.ts";

/** The selected frame in words; screen readers hear it as it changes. */
export function FlameDetails({ id, tree, layout, unit, node }: {
  id: string;
  tree: FlameTree;
  layout: FlameLayout;
  unit: WeightUnit;
  node: number;
}) {
  const symbol = node < 0 ? undefined : tree.symbols[tree.symbol[node]!];
  const total = tree.total[Math.max(0, node)]!;
  const self = tree.self[Math.max(0, node)]!;
  return (
    <p id={id} class="flame-details" aria-live="polite">
      {symbol === undefined
        ? <span class="muted">All: {formatWeight(total, unit)}. Click a frame to zoom into it.</span>
        : (
          <>
            <span class="mono flame-details-name">
              <Name text={symbol.name} />
            </span>
            <span class="number">
              total {formatShare(total, tree.total[0]!)}, {formatWeight(total, unit)}
            </span>
            <span class="number">
              self {formatShare(self, tree.total[0]!)}, {formatWeight(self, unit)}
            </span>
            {symbol.place !== "" && (
              <span class="mono flame-details-place" title={symbol.place}>
                <Name text={shortenPlace(symbol.place)} />
              </span>
            )}
            <span class="muted">
              {kindWords(symbol.kind)}
              {symbol.inlined && ", inlined"}, level {layout.level[node]!}
            </span>
          </>
        )}
    </p>
  );
}
