/**
 * Bundles the web UI into build/ui: index.html, which names app-HASH.js and app-HASH.css, and favicon.svg. The same
 * sources give the same bytes; files of earlier builds are removed. build/inputs/ui lists what was bundled.
 */
import * as esbuild from "esbuild";
import { repositoryRoot } from "./command.ts";

const source = `${repositoryRoot}/src/ui`;
const target = `${repositoryRoot}/build/ui`;

const { outputFiles, metafile } = await esbuild.build({
  absWorkingDir: repositoryRoot,
  entryPoints: [{ in: `${source}/main.tsx`, out: "app" }, { in: `${source}/app.css`, out: "app" }],
  outdir: target,
  entryNames: "[name]-[hash]",
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  format: "esm",
  platform: "browser",
  target: ["chrome123", "firefox128", "safari17.5"],
  jsx: "automatic",
  jsxImportSource: "preact",
  // zod looks for eval once, which the page's content security policy forbids and reports.
  banner: { js: "globalThis.__zod_globalConfig={jitless:true};" },
  logLevel: "warning",
});
await esbuild.stop();

const assets = new Map(outputFiles.map(({ path, contents }) => [path.slice(target.length + 1), contents]));
let page = await Deno.readTextFile(`${source}/index.html`);
for (const name of assets.keys()) page = page.replace(`/app.${name.split(".").at(-1)}`, `/${name}`);
assets.set("index.html", new TextEncoder().encode(page));
assets.set("favicon.svg", await Deno.readFile(`${source}/favicon.svg`));

await Deno.mkdir(target, { recursive: true });
for (const [name, bytes] of assets) await Deno.writeFile(`${target}/${name}`, bytes);
for await (const { name } of Deno.readDir(target)) {
  if (!assets.has(name)) await Deno.remove(`${target}/${name}`);
}

await Deno.mkdir(`${repositoryRoot}/build/inputs`, { recursive: true });
await Deno.writeTextFile(`${repositoryRoot}/build/inputs/ui`, Object.keys(metafile.inputs).sort().join("\n"));
