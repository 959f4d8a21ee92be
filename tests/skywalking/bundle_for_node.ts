import { build } from "esbuild";
import { repositoryRoot } from "../../scripts/command.ts";

const bundled = new Map<string, Promise<string>>();

/** A program of this folder as Node runs it, named by its content; it lies where Node finds the packages. */
export function bundleForNode(name: string): Promise<string> {
  let bundle = bundled.get(name);
  if (bundle === undefined) bundled.set(name, bundle = write(name));
  return bundle;
}

async function write(name: string): Promise<string> {
  const folder = `${repositoryRoot}/build/tests`;
  await Deno.mkdir(folder, { recursive: true });
  const { outputFiles: [file] } = await build({
    entryPoints: [new URL(`${name}.ts`, import.meta.url).pathname],
    ...{
      bundle: true,
      write: false,
      platform: "node",
      format: "esm",
      packages: "external",
      logLevel: "error",
    },
  });
  const path = `${folder}/${name}-${file!.hash.replaceAll(/[^A-Za-z0-9]/g, "")}.mjs`;
  const temporary = await Deno.makeTempFile({ dir: folder });
  await Deno.writeFile(temporary, file!.contents);
  await Deno.rename(temporary, path);
  return path;
}
