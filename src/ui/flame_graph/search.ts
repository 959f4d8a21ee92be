import type { FlameTree } from "./flame_tree.ts";

/** What a search found. */
export interface FlameMatches {
  /** By symbol: 1 when it matches. */
  readonly symbols: Uint8Array;
  readonly count: number;
  /** Weight under matching frames; frames above one another count once. */
  readonly weight: number;
}

/** Finds symbols by a test, and how much of the whole they cover. */
export function matchFlames(tree: FlameTree, test: (name: string) => boolean): FlameMatches {
  const symbols = new Uint8Array(tree.symbols.length);
  const shown = new Uint8Array(tree.symbols.length);
  for (let node = 1; node < tree.size; node++) shown[tree.symbol[node]!] = 1;
  let count = 0;
  for (const [index, { name }] of tree.symbols.entries()) {
    if (shown[index] === 0 || !test(name)) continue;
    symbols[index] = 1;
    count++;
  }
  let weight = 0;
  const covered = new Uint8Array(tree.size);
  for (let node = 1; node < tree.size; node++) {
    if (covered[tree.parent[node]!] === 1) covered[node] = 1;
    else if (symbols[tree.symbol[node]!] === 1) {
      covered[node] = 1;
      weight += tree.total[node]!;
    }
  }
  return { symbols, count, weight };
}

/**
 * Test of names from what is typed: a regular expression, or plain text when it is none. Case counts only when a capital
 * is typed. `""` gives undefined.
 */
export function compileSearch(text: string): { test: (name: string) => boolean; plain: boolean } | undefined {
  if (text === "") return undefined;
  const ignoreCase = text === text.toLowerCase();
  try {
    const expression = new RegExp(text, ignoreCase ? "i" : "");
    return { test: (name) => expression.test(name), plain: false };
  } catch {
    const wanted = ignoreCase ? text.toLowerCase() : text;
    return {
      test: (name) => (ignoreCase ? name.toLowerCase() : name).includes(wanted),
      plain: true,
    };
  }
}
