import { repositoryRoot } from "../command.ts";
import { readNpmLicence } from "./npm_licence.ts";
import { parseIntegrity, type Part } from "./part.ts";

/** What is read of an entry of deno.lock's "npm". */
interface LockedPackage {
  integrity: string;
  dependencies?: string[];
  optionalDependencies?: string[];
}

/**
 * Reads every package of deno.lock.
 *
 * Source: deno.lock for versions, hashes and who needs whom; the packages' own files in node_modules for licences.
 * @param modules paths of the files that went into the executable, from the repository's root.
 * @throws {Error} when a package's licence cannot be told, or a module's package is not in the lock.
 */
export async function readNpmParts(modules: readonly string[]): Promise<Part[]> {
  const lock = JSON.parse(await Deno.readTextFile(`${repositoryRoot}/deno.lock`));
  const locked: Record<string, LockedPackage> = lock.npm;
  const used = findPackages(modules);
  const parts = new Map<string, Part>();
  for (const [key, { integrity, dependencies = [], optionalDependencies = [] }] of Object.entries(locked)) {
    const { name, version } = splitKey(key);
    const folder = `${repositoryRoot}/node_modules/.deno/${
      name.replace("/", "+")
    }@${version}/node_modules/${name}`;
    const included = used.delete(`${name}@${version}`) ||
      parts.get(npmPurl(name, version))?.included === true;
    const { licence, texts } = await readNpmLicence(name, folder, included);
    const needs = [...dependencies, ...optionalDependencies].map((wanted) => resolve(wanted, locked));
    const part = { name, version, purl: npmPurl(name, version), licence, included, texts, needs };
    parts.set(part.purl, {
      ...part,
      ...{ hashes: [parseIntegrity(integrity)], files: [], source: "", listed: true },
    });
  }
  if (used.size > 0) throw new Error(`Bundled, but not in deno.lock: ${[...used].join(", ")}`);
  return [...parts.values()];
}

/** The package URL of an npm package. */
export function npmPurl(name: string, version: string): string {
  return `pkg:npm/${name.split("/").map(encodeURIComponent).join("/")}@${version}`;
}

/** `name@version` of the packages that bundled modules belong to. */
function findPackages(modules: readonly string[]): Set<string> {
  const found = new Set<string>();
  for (const path of modules) {
    if (!path.includes("node_modules/")) continue;
    const real = Deno.realPathSync(`${repositoryRoot}/${path}`);
    const [, version, name] =
      /\/\.deno\/@?[^@/]+@([^/_]+)[^/]*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(real) ?? [];
    if (name === undefined) throw new Error(`Cannot tell the package of ${path}`);
    found.add(`${name}@${version}`);
  }
  return found;
}

/** Splits `@scope/name@1.2.3_peer@4.5.6`. */
function splitKey(key: string): { name: string; version: string } {
  const [, name, version] = /^(@?[^@]+)@([^_]+)/.exec(key) ?? [];
  if (name === undefined || version === undefined) throw new Error(`Not a package of deno.lock: ${key}`);
  return { name, version };
}

/** A dependency is told by its name alone where only one version of it is locked. */
function resolve(wanted: string, locked: Record<string, LockedPackage>): string {
  const matches = Object.keys(locked).filter((key) => key === wanted || splitKey(key).name === wanted);
  if (matches.length !== 1) throw new Error(`deno.lock has ${matches.length} packages for ${wanted}`);
  const { name, version } = splitKey(matches[0]!);
  return npmPurl(name, version);
}
