/** Makes one JavaScript file of the program. */
import * as esbuild from "esbuild";
import { repositoryRoot } from "../command.ts";

/** Files of the source that another file of `src/packed` stands in for. */
const substitutes: Readonly<Record<string, string>> = {
  "src/cli/built_file.ts": "src/packed/built_file.ts",
  "src/backend/start_worker.ts": "src/packed/start_worker.ts",
  "lib/symbol/demangle_wasm.ts": "src/packed/demangle_wasm.ts",
};

/** True when the one module may stand in for the other. */
type Twins<Source, Packed extends Source> = [Source, Packed] extends [Packed, Source] ? true : false;
const _sameExports: [
  Twins<typeof import("../../src/cli/built_file.ts"), typeof import("../../src/packed/built_file.ts")>,
  Twins<
    typeof import("../../src/backend/start_worker.ts"),
    typeof import("../../src/packed/start_worker.ts")
  >,
  Twins<
    typeof import("../../lib/symbol/demangle_wasm.ts"),
    typeof import("../../src/packed/demangle_wasm.ts")
  >,
] = [true, true, true];

/** The two files of JavaScript in an executable; the same sources give the same bytes. */
export interface Program {
  /** What the runtime starts with. */
  readonly start: Uint8Array;
  /** Main thread and workers, the body of a function of `require`. */
  readonly program: Uint8Array;
  /** Paths, from the repository's root, of what was bundled. */
  readonly modules: readonly string[];
}

/** Bundles the program. */
export async function bundleProgram(): Promise<Program> {
  const start = await bundle("src/packed/start.ts", "esm");
  const program = await bundle("src/packed/main.ts", "cjs", Object.keys(substitutes));
  await esbuild.stop();
  return { start: start.bytes, program: program.bytes, modules: [...start.modules, ...program.modules] };
}

async function bundle(
  entryPoint: string,
  format: "esm" | "cjs",
  needed: readonly string[] = [],
): Promise<{ bytes: Uint8Array; modules: string[] }> {
  const used = new Set<string>();
  const { outputFiles, metafile } = await esbuild.build({
    absWorkingDir: repositoryRoot,
    entryPoints: [entryPoint],
    bundle: true,
    write: false,
    metafile: true,
    format,
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["import", "default"],
    external: ["node:*"],
    target: "esnext",
    minify: true,
    legalComments: "none",
    logLevel: "warning",
    // The program takes what it needs from `start`, which has one.
    logOverride: { "empty-import-meta": "silent" },
    plugins: [{
      name: "substitutes",
      setup(build) {
        build.onResolve({ filter: /^\.{1,2}\// }, ({ path, resolveDir }) => {
          const from = new URL(path, `file://${resolveDir}/`).pathname.slice(repositoryRoot.length + 1);
          const substitute = substitutes[from];
          if (substitute === undefined) return undefined;
          used.add(from);
          return { path: `${repositoryRoot}/${substitute}` };
        });
      },
    }],
  });
  const unused = needed.filter((path) => !used.has(path));
  if (unused.length > 0) {
    throw new Error(`Nothing imports ${unused.join(", ")}; mend the list of substitutes`);
  }
  return { bytes: outputFiles[0]!.contents, modules: Object.keys(metafile.inputs) };
}
