import { beginMerge, type MergeWork } from "./merge_work.ts";
import type { MergeSource } from "./profile_protocol.ts";

const mostKept = 4;
/** 20 MB. */
const mostRows = 20_000;

/**
 * Network profiles that were merged a moment ago: a screen that shows a running task asks for the same one again every few
 * seconds, and then only the chunks that came since are read. Stacks begin anew each time: what is written of them is final.
 */
export class KeptWorks {
  readonly #kept = new Map<string, MergeWork>();

  /** Begins, or goes on with what was kept; nobody else gets that until it is kept again. */
  take(source: MergeSource): MergeWork {
    const key = keyOf(source);
    const kept = this.#kept.get(key);
    this.#kept.delete(key);
    return kept ?? beginMerge(source);
  }

  /** Keeps it for the next time; of more than four, the one that was asked for longest ago goes. A large one is not kept. */
  keep(source: MergeSource, work: MergeWork): void {
    if (source.content !== "network" || !source.keep || work.heldRows > mostRows) return;
    this.#kept.set(keyOf(source), work);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > mostKept && oldest !== undefined) this.#kept.delete(oldest);
  }
}

function keyOf({ range, content }: MergeSource): string {
  const sets = "edges" in range || "seriesOf" in range ? [range.edges, range.seriesOf] : [];
  const edges = sets.map((set) => set === undefined ? "all" : [...set].join());
  return [content, range.taskId, range.taskStartMs, range.fromSecond, range.toSecond, ...edges].join(" ");
}
