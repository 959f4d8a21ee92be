/** A message of a table that is told in parts, and whether it was told since it changed. */
export interface Said<T> {
  readonly message: T;
  said: boolean;
}

/** Returns the messages that are still to be told, and takes them for told from now on. */
export function takeUnsaid<T>(known: Iterable<Said<T>>): T[] {
  const unsaid: T[] = [];
  for (const entry of known) {
    if (entry.said) continue;
    entry.said = true;
    unsaid.push(entry.message);
  }
  return unsaid;
}
