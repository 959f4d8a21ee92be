import { repositoryRoot } from "../command.ts";
import { npmPurl } from "./npm_parts.ts";
import { parseIntegrity, type Part } from "./part.ts";

/** The pinned Deno as npm fetches it, by the hash that is locked; it packs no licence file. */
const pinned = "@deno/linux-x64-glibc";

/**
 * Deno, the runtime that the executable holds.
 *
 * @param version that of the base runtime which `deno compile` took; the pinned one, whole, when not given.
 */
export async function readRuntimePart(version?: string): Promise<Part> {
  const common = {
    ...{ included: true, needs: [], files: [], listed: false },
    texts: [await Deno.readTextFile(new URL("./deno_licence.txt", import.meta.url))],
  };
  if (version !== undefined) {
    return {
      ...common,
      ...{ name: "deno", version, purl: `pkg:github/denoland/deno@v${version}`, licence: "MIT", hashes: [] },
      source: describeSource(version),
    };
  }
  const lock = JSON.parse(await Deno.readTextFile(`${repositoryRoot}/scripts/tools/package-lock.json`));
  const { version: pinnedVersion, integrity, license } = lock.packages[`node_modules/${pinned}`];
  return {
    ...common,
    ...{ name: pinned, version: pinnedVersion, purl: npmPurl(pinned, pinnedVersion), licence: license },
    hashes: [parseIntegrity(integrity)],
    source: describeSource(pinnedVersion),
  };
}

function describeSource(version: string): string {
  return `github.com/denoland/deno, tag v${version}; what it holds in turn (V8, SQLite and others) is listed there`;
}
