import { formatCount } from "../format.ts";
import { setQuery } from "../router.ts";
import { Icon } from "./icon.tsx";

/** Rows on one page of every list. */
export const pageSize = 100;

/** Which rows of a list show, and the way to the others; the page is kept in the address as `from`. */
export function Pager({ from, shown, total }: { from: number; shown: number; total: number }) {
  if (total <= pageSize && from === 0) return null;
  const go = (offset: number) => {
    setQuery({ from: offset <= 0 ? "" : String(offset) });
    scrollTo(0, 0);
  };
  return (
    <nav class="pager" aria-label="Pages">
      <span class="number" aria-live="polite">
        {shown === 0 ? "No rows here" : `${formatCount(from + 1)}–${formatCount(from + shown)}`} of{" "}
        {formatCount(total)}
      </span>
      <div class="end">
        <button type="button" class="button small" disabled={from === 0} onClick={() => go(from - pageSize)}>
          <Icon name="left" />Previous
        </button>
        <button
          type="button"
          class="button small"
          disabled={from + shown >= total}
          onClick={() => go(from + pageSize)}
        >
          Next<Icon name="right" />
        </button>
      </div>
    </nav>
  );
}

/** The offset that the address asks for. */
export function readOffset(query: URLSearchParams): number {
  const from = Number(query.get("from") ?? 0);
  return Number.isSafeInteger(from) && from > 0 ? from : 0;
}
