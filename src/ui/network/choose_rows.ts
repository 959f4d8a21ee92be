/** A row is given up only when so many times the rows are heavier, so that neighbours do not take turns. */
const patience = 2;

/**
 * Which of many rows are shown, and in which order. Those that were shown stay where they were as long as they matter; new ones come
 * below, heaviest first.
 *
 * @param rows All there are.
 * @param shown Keys of what was shown until now, in order.
 */
export function chooseRows(
  rows: readonly { readonly key: string; readonly weight: number }[],
  shown: readonly string[],
  limit: number,
): string[] {
  // One that is left over would take as much room as a row of its own.
  const most = rows.length === limit + 1 ? rows.length : limit;
  const ranked = [...rows].sort((one, other) => other.weight - one.weight || (one.key < other.key ? -1 : 1));
  const ranks = new Map(ranked.map(({ key }, rank) => [key, rank]));
  const kept = shown.filter((key) => (ranks.get(key) ?? Infinity) < most * patience).slice(0, most);
  const known = new Set(kept);
  const room = ranked.filter(({ key }) => !known.has(key)).slice(0, Math.max(0, most - kept.length));
  return [...kept, ...room.map(({ key }) => key)];
}
