/** Where a linted file lies, which decides what the house allows it. */
export interface Place {
  /** Path from the repository's root, such as `src/agent/window.ts`; as given when it is outside. */
  path: string;
  /** Tests may read clocks, start processes and write SQL; so may the scripts of a checkout. */
  test: boolean;
  /** Part of the product: `main.ts`, `lib/` or `src/`, tests excepted. */
  product: boolean;
}

const root = new URL("../..", import.meta.url).pathname;

/** Tells the place of a file from the absolute or relative path that Deno lint hands over. */
export function findPlace(filename: string): Place {
  let path = filename.startsWith("file://") ? new URL(filename).pathname : filename;
  if (path.startsWith(root)) path = path.slice(root.length);
  const test = /_test\.tsx?$/.test(path) || /^(tests|scripts)\//.test(path);
  return { path, test, product: !test && (path === "main.ts" || /^(lib|src)\//.test(path)) };
}

/** True when the path is one of the files or lies in one of the folders (those end with a slash). */
export function isIn(path: string, places: readonly string[]): boolean {
  return places.some((place) => place.endsWith("/") ? path.startsWith(place) : path === place);
}
