import type { ComponentChildren } from "preact";
import { useEffect, useId, useMemo, useState } from "preact/hooks";
import { FrameKind } from "../../gen/stakeout/v1/profile_pb.ts";
import { Icon } from "../components/icon.tsx";
import { SearchField } from "../components/search_field.tsx";
import { formatCount, formatShare } from "../format.ts";
import { isDark, paintVersion } from "../theme.ts";
import { FlameCanvas } from "./flame_canvas.tsx";
import { FlameCrumbs } from "./flame_crumbs.tsx";
import { FlameDetails } from "./flame_details.tsx";
import { kindWords } from "./flame_tip.tsx";
import type { FlameTree, WeightUnit } from "./flame_tree.ts";
import { layoutFlames } from "./layout.ts";
import { legendShade, makePalette, toCss } from "./palette.ts";
import { followPath, pathOf } from "./path.ts";
import { runtimeFrames } from "./runtime_frames.ts";
import { compileSearch, matchFlames } from "./search.ts";
import { TopTable } from "./top_table.tsx";
import { upwardFlames } from "./upward_flames.ts";

const legend = [FrameKind.USER, FrameKind.KERNEL, FrameKind.JIT, FrameKind.INTERPRETED] as const;

/**
 * Flame graph with search, zoom and table. Zoom and selection are kept as paths of functions, so that they outlive a new
 * tree: another range, another thread, or a task that still runs.
 */
export function FlameView({ tree, unit, lead, hasRuntime }: {
  tree: FlameTree;
  unit: WeightUnit;
  /** Controls that stand before the search. */
  lead: ComponentChildren;
  /** There are frames of languages' runtimes to be shown or not. */
  hasRuntime: boolean;
}) {
  const [text, setText] = useState("");
  const [focusedKey, setFocusedKey] = useState("");
  const [zoomPath, setZoomPath] = useState<readonly string[]>([]);
  const [selectedPath, setSelectedPath] = useState<readonly string[] | undefined>();
  const id = useId();
  const layout = useMemo(() => layoutFlames(tree), [tree]);
  const zoom = useMemo(() => followPath(tree, zoomPath), [tree, zoomPath]);
  const selected = useMemo(() => selectedPath === undefined ? -1 : followPath(tree, selectedPath), [
    tree,
    selectedPath,
  ]);
  const search = useMemo(() => compileSearch(text), [text]);
  const found = useMemo(() => search === undefined ? undefined : matchFlames(tree, search.test), [
    tree,
    search,
  ]);
  const focused = useMemo(() => tree.symbols.findIndex(({ key }) => key === focusedKey), [tree, focusedKey]);
  const lit = useMemo(() => {
    if (focused < 0) return found?.symbols;
    const only = new Uint8Array(tree.symbols.length);
    only[focused] = 1;
    return only;
  }, [tree, found, focused]);
  const version = paintVersion.value;
  const colors = useMemo(() => Array.from(makePalette(isDark()).full, toCss), [version]);
  const kinds = useMemo(() => new Set(Array.from(tree.symbol, (symbol) => tree.symbols[symbol]?.kind)), [
    tree,
  ]);
  const upward = upwardFlames.value;

  useEffect(() => setFocusedKey(""), [text]);

  const zoomTo = (node: number) => setZoomPath(pathOf(tree, node));
  const select = (node: number) => setSelectedPath(pathOf(tree, node));

  return (
    <>
      <div class="flame-tools">
        {lead}
        <SearchField label="Search functions (regular expression)" value={text} onSearch={setText} />
        <span class="number" role="status">
          {found !== undefined && (
            <>
              {formatShare(found.weight, tree.total[0]!)} in {formatCount(found.count)}{" "}
              {found.count === 1 ? "function" : "functions"}
              {search?.plain === true && <span class="muted">, searched as plain text</span>}
            </>
          )}
        </span>
        <span class="flame-legend" aria-label="Colours">
          {legend.filter((kind) => kinds.has(kind)).map((kind) => (
            <span key={kind}>
              <i class="swatch" style={{ background: colors[legendShade(kind)] }} />
              {kindWords(kind)}
            </span>
          ))}
        </span>
        {hasRuntime && (
          <button
            type="button"
            class="button small"
            title="Frames by which Node, the JVM or Python call and run functions; hidden, their time counts for the caller"
            aria-pressed={runtimeFrames.value}
            onClick={() => runtimeFrames.value = !runtimeFrames.value}
          >
            {runtimeFrames.value ? "Hide runtime frames" : "Show runtime frames"}
          </button>
        )}
        <button
          type="button"
          class="button small"
          aria-pressed={upward}
          onClick={() => upwardFlames.value = !upward}
        >
          <Icon name="flip" />
          {upward ? "Roots at the bottom" : "Roots on top"}
        </button>
        <button
          type="button"
          class="button small"
          disabled={zoom === 0 && focused < 0 && selected < 0}
          onClick={() => {
            setZoomPath([]);
            setSelectedPath(undefined);
            setFocusedKey("");
          }}
        >
          <Icon name="reset" />Reset
        </button>
      </div>
      <FlameCrumbs tree={tree} unit={unit} zoom={zoom} onZoom={zoomTo} />
      <FlameCanvas
        tree={tree}
        layout={layout}
        unit={unit}
        zoom={zoom}
        selected={selected}
        matches={lit}
        upward={upward}
        describedBy={id}
        onSelect={select}
        onZoom={zoomTo}
      />
      <FlameDetails id={id} tree={tree} layout={layout} unit={unit} node={selected} />
      <TopTable
        tree={tree}
        unit={unit}
        colors={colors}
        matches={found?.symbols}
        focused={focused}
        onFocus={({ symbol, widest }) => {
          const key = tree.symbols[symbol]!.key;
          setFocusedKey(key === focusedKey ? "" : key);
          if (key === focusedKey) return;
          select(widest);
          const start = layout.start[layout.position[widest]!]!;
          const zoomStart = layout.start[layout.position[zoom]!]!;
          if (start < zoomStart || start >= zoomStart + tree.total[zoom]!) zoomTo(0);
        }}
      />
    </>
  );
}
