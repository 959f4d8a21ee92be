import { useMemo, useState } from "preact/hooks";
import { Name } from "../components/name.tsx";
import { SortHeader } from "../components/sort_header.tsx";
import { formatCount, formatShare, formatWeight } from "../format.ts";
import { baseName } from "../words.ts";
import { kindWords } from "./flame_tip.tsx";
import type { FlameTree, WeightUnit } from "./flame_tree.ts";
import { shadeOf } from "./palette.ts";
import { type TopFunction, topFunctions } from "./top_functions.ts";

const firstRows = 30;
const moreRows = 200;
type Order = "self" | "total" | "name";

/** Functions by what they cost, themselves and with all they call; also the graph for who cannot see it. */
export function TopTable({ tree, unit, colors, matches, focused, onFocus }: {
  tree: FlameTree;
  unit: WeightUnit;
  colors: readonly string[];
  /** By symbol; only these are listed when something is searched. */
  matches: Uint8Array | undefined;
  /** Symbol that is lit up in the graph; -1 for none. */
  focused: number;
  onFocus: (entry: TopFunction) => void;
}) {
  const [order, setOrder] = useState<Order>("self");
  const [most, setMost] = useState(firstRows);
  const all = useMemo(() => topFunctions(tree), [tree]);
  const rows = useMemo(() => {
    const matching = matches === undefined ? all : all.filter(({ symbol }) => matches[symbol] === 1);
    return order === "self"
      ? matching
      : [...matching].sort((one, two) =>
        order === "total"
          ? two.total - one.total || two.self - one.self
          : tree.symbols[one.symbol]!.name.localeCompare(tree.symbols[two.symbol]!.name)
      );
  }, [all, matches, order]);
  const whole = tree.total[0]!;
  const head = (title: string, by: Order, className: string) => (
    <SortHeader
      title={title}
      class={className}
      active={order === by}
      descending={by !== "name"}
      onSort={() => setOrder(by)}
    />
  );
  return (
    <div class="table-box">
      <table class="top-table">
        <caption class="hidden">Functions with their own and total weight</caption>
        <thead>
          <tr>
            {head("Function", "name", "")}
            {head("Self", "self", "number")}
            {head("Total", "total", "number")}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, most).map((row) => {
            const symbol = tree.symbols[row.symbol]!;
            return (
              <tr key={symbol.key} class={row.symbol === focused ? "focused" : ""}>
                <td class="names grow">
                  <span class="top-function">
                    <span
                      class="swatch"
                      style={{ background: colors[shadeOf(symbol)] }}
                      title={kindWords(symbol.kind)}
                    />
                    <button
                      type="button"
                      class="link mono"
                      aria-pressed={row.symbol === focused}
                      onClick={() => onFocus(row)}
                    >
                      <Name text={symbol.name} />
                    </button>
                    <span class="top-module muted medium" title={symbol.place || symbol.module}>
                      <Name
                        text={symbol.name === symbol.module ? "" : baseName(symbol.place || symbol.module)}
                        empty=" "
                      />
                    </span>
                  </span>
                </td>
                <Weight weight={row.self} whole={whole} unit={unit} />
                <Weight weight={row.total} whole={whole} unit={unit} />
              </tr>
            );
          })}
        </tbody>
      </table>
      {rows.length === 0 && <p class="empty">No function matches the search.</p>}
      {rows.length > most && (
        <div class="panel-foot">
          <button type="button" class="button small" onClick={() => setMost(most + moreRows)}>
            Show {formatCount(Math.min(moreRows, rows.length - most))} more of {formatCount(rows.length)}
          </button>
        </div>
      )}
    </div>
  );
}

function Weight({ weight, whole, unit }: { weight: number; whole: number; unit: WeightUnit }) {
  return (
    <td class="number weight">
      <span class="weight-bar" aria-hidden="true">
        <span style={{ width: `${whole > 0 ? (weight / whole) * 100 : 0}%` }} />
      </span>
      <span class="weight-count muted">{formatWeight(weight, unit)}</span>
      <span class="weight-share">{formatShare(weight, whole)}</span>
    </td>
  );
}
