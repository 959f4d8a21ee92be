/** Finds cycles of imports in `main.ts`, `lib` and `src`; types count too. Run by scripts/ok.ts. */
import { repositoryRoot } from "./command.ts";
import { listFiles } from "./files.ts";

/** Files and what each of them imports, paths from the repository's root. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** One cycle, its first file repeated at the end, or undefined when there is none. */
export function findCycle(graph: ImportGraph): string[] | undefined {
  const done = new Set<string>();
  const path: string[] = [];

  function visit(file: string): string[] | undefined {
    const at = path.indexOf(file);
    if (at >= 0) return [...path.slice(at), file];
    if (done.has(file)) return undefined;
    path.push(file);
    for (const next of graph.get(file) ?? []) {
      const cycle = visit(next);
      if (cycle !== undefined) return cycle;
    }
    path.pop();
    done.add(file);
    return undefined;
  }

  for (const file of graph.keys()) {
    const cycle = visit(file);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/** Relative specifiers of the text's imports and exports, resolved against the file's own path. */
export function readImports(path: string, text: string): string[] {
  const code = text.replace(/^\s*\*.*$/gm, ""); // Doc comments have examples.
  const found = code.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)"(\.[^"]+)"/g);
  return [...found].map(([, specifier]) => new URL(specifier!, `file:///${path}`).pathname.slice(1));
}

async function readGraph(): Promise<ImportGraph> {
  const graph = new Map<string, string[]>();
  for (const path of [...await listFiles("lib", /\.tsx?$/), ...await listFiles("src", /\.tsx?$/)]) {
    graph.set(path, readImports(path, await Deno.readTextFile(`${repositoryRoot}/${path}`)));
  }
  return graph;
}

if (import.meta.main) {
  const cycle = findCycle(await readGraph());
  if (cycle !== undefined) {
    await Deno.stderr.write(
      new TextEncoder().encode(`error: imports go in a circle: ${cycle.join(" → ")}\n`),
    );
    Deno.exit(1);
  }
}
