import { useLayoutEffect, useRef } from "preact/hooks";
import { FrameKind } from "../../gen/stakeout/v1/profile_pb.ts";
import { cutMiddle, formatShare, formatWeight, showInvisible } from "../format.ts";
import type { FlameTree, WeightUnit } from "./flame_tree.ts";

const longestName = 400;

/** What is known of the frame under the pointer, beside the pointer. */
export function FlameTip({ tree, unit, zoom, node, x, y }: {
  tree: FlameTree;
  unit: WeightUnit;
  zoom: number;
  node: number;
  /** Of the pointer, in the window. */
  x: number;
  y: number;
}) {
  const tip = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = tip.current;
    if (element === null) return;
    const { offsetWidth, offsetHeight } = element;
    const left = Math.max(8, Math.min(x + 14, innerWidth - offsetWidth - 8));
    const top = y + 18 + offsetHeight > innerHeight - 8 ? y - offsetHeight - 12 : y + 18;
    element.style.transform = `translate(${left}px, ${Math.max(8, top)}px)`;
  });
  const symbol = tree.symbols[tree.symbol[node]!];
  const total = tree.total[node]!;
  const whole = tree.total[0]!;
  return (
    <div class="flame-tip" ref={tip} aria-hidden="true">
      <strong class="mono">
        {symbol === undefined ? "all" : cutMiddle(showInvisible(symbol.name), longestName)}
      </strong>
      {symbol !== undefined && (
        <span class="muted">
          {kindWords(symbol.kind)}
          {symbol.inlined && ", inlined"}
          {symbol.module !== "" && ` · ${cutMiddle(showInvisible(symbol.module), 120)}`}
        </span>
      )}
      {symbol !== undefined && symbol.place !== "" && (
        <span class="mono">{cutMiddle(showInvisible(shortenPlace(symbol.place)), 120)}</span>
      )}
      <dl class="number">
        <dt>Total</dt>
        <dd>{formatWeight(total, unit)}</dd>
        <dd>{formatShare(total, whole)}</dd>
        <dt>Self</dt>
        <dd>{formatWeight(tree.self[node]!, unit)}</dd>
        <dd>{formatShare(tree.self[node]!, whole)}</dd>
      </dl>
      {zoom !== 0 && total <= tree.total[zoom]! && (
        <span class="muted number">{formatShare(total, tree.total[zoom]!)} of what is zoomed</span>
      )}
    </div>
  );
}

/** A place of the source without what people seldom need: its last two folders, file and line. */
export function shortenPlace(place: string): string {
  const parts = place.split("/");
  return parts.length <= 4 ? place : `…/${parts.slice(-3).join("/")}`;
}

/** Where the code of a frame comes from. */
export function kindWords(kind: FrameKind): string {
  switch (kind) {
    case FrameKind.KERNEL:
      return "kernel";
    case FrameKind.JIT:
      return "JIT";
    case FrameKind.INTERPRETED:
      return "interpreted";
    case FrameKind.USER:
      return "native";
    default:
      return "unknown";
  }
}
