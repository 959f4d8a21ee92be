/** What an executable is made of, read from deno.lock, npm's and Debian's own metadata. */
import * as esbuild from "esbuild";
import { repositoryRoot } from "../command.ts";

/** A part that somebody else made. */
export interface Part {
  /** `npm` or `debian`. */
  readonly origin: "npm" | "debian";
  readonly name: string;
  readonly version: string;
  /** SPDX expression. */
  readonly licence: string;
  /** Whether it, or code of it, is in the executable; the others build or test it. */
  readonly shipped: boolean;
  /** Of the package as it was fetched. */
  readonly hash?: { readonly algorithm: "SHA-512" | "SHA-256"; readonly hex: string };
  /** Texts that go with it. */
  readonly notices: readonly string[];
}

interface Manifest {
  readonly license?: string;
}

const npmFolder = `${repositoryRoot}/node_modules/.deno`;
const entryPoints = ["src/packed/start.ts", "src/packed/main.ts", "src/ui/main.tsx"];
/** Read as a file, so no bundle names it. */
const shippedFiles = ["gecko-profiler-demangle"];
/** Of packages that deno.lock holds for other machines: their files, and so their metadata, are not here. */
const licencesElsewhere: readonly [RegExp, string][] = [[/^@esbuild\//, "MIT"], [/^fsevents$/, "MIT"]];

/** Debian's copyright files name licences in words of their own: these are theirs for the files that are linked in. */
const debianParts: Readonly<Record<string, string>> = {
  "libelf-dev": "GPL-2.0-or-later OR LGPL-3.0-or-later",
  "zlib1g-dev": "Zlib",
  "libc6": "LGPL-2.1-or-later",
  "libc6-dev": "LGPL-2.1-or-later",
  "libgcc-s1": "GPL-3.0-or-later WITH GCC-exception-3.1",
  "libzstd-dev": "BSD-3-Clause OR GPL-2.0-only",
};

/** All parts by name. @throws {Error} naming a part whose licence is not known. */
export async function listParts(): Promise<Part[]> {
  const parts = [...await listNpmParts(), await describeDeno(), await describeLibbpf()];
  for (const [name, licence] of Object.entries(debianParts)) parts.push(await describeDebian(name, licence));
  return parts.sort((one, other) => one.name < other.name ? -1 : 1);
}

async function listNpmParts(): Promise<Part[]> {
  const lock = JSON.parse(await Deno.readTextFile(`${repositoryRoot}/deno.lock`));
  const shipped = await findShippedPackages();
  const parts = new Map<string, Part>();
  for (const [key, { integrity }] of Object.entries(lock.npm as Record<string, { integrity: string }>)) {
    // NAME@VERSION, with the versions of its peers after an underscore.
    const [, name, version] = /^(@?[^@]+)@([^_]+)/.exec(key) ?? [];
    if (name === undefined || version === undefined) throw new Error(`deno.lock has a package named ${key}`);
    const folder = `${npmFolder}/${name.replace("/", "+")}@${version}/node_modules/${name}`;
    const licence = await readLicence(folder) ??
      licencesElsewhere.find(([pattern]) => pattern.test(name))?.[1];
    if (licence === undefined) {
      throw new Error(`The licence of ${name} ${version} is not known: add it to parts.ts`);
    }
    parts.set(`${name}@${version}`, {
      ...{
        origin: "npm",
        name,
        version,
        licence,
        shipped: shipped.has(name),
        hash: readIntegrity(integrity),
      },
      notices: shipped.has(name) ? await readNotices(folder) : [],
    });
  }
  return [...parts.values()];
}

/** Names of the packages that are bundled. */
async function findShippedPackages(): Promise<Set<string>> {
  const { metafile } = await esbuild.build({
    absWorkingDir: repositoryRoot,
    entryPoints,
    outdir: "/nowhere",
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["import", "default"],
    external: ["node:*"],
    jsx: "automatic",
    jsxImportSource: "preact",
    logLevel: "error",
  });
  await esbuild.stop();
  const names = new Set(shippedFiles);
  for (const { inputs } of Object.values(metafile.outputs)) {
    for (const path of Object.keys(inputs)) {
      const name = /node_modules\/\.deno\/[^/]+\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
      if (name !== undefined) names.add(name);
    }
  }
  return names;
}

async function readLicence(folder: string): Promise<string | undefined> {
  try {
    return (JSON.parse(await Deno.readTextFile(`${folder}/package.json`)) as Manifest).license;
  } catch {
    return undefined;
  }
}

async function readNotices(folder: string): Promise<string[]> {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  const wanted = names.filter((name) => /^(licen[cs]e|notice|copying)/i.test(name));
  return await Promise.all(wanted.map((name) => Deno.readTextFile(`${folder}/${name}`)));
}

function readIntegrity(integrity: string): Part["hash"] & object {
  const [algorithm, base64] = integrity.split("-");
  if (algorithm !== "sha512") throw new Error(`deno.lock has a hash of another kind: ${algorithm}`);
  return { algorithm: "SHA-512", hex: Uint8Array.fromBase64(base64!).toHex() };
}

async function describeDeno(): Promise<Part> {
  const name = "@deno/linux-x64-glibc";
  const { packages } = JSON.parse(await Deno.readTextFile(`${repositoryRoot}/.tools/package-lock.json`));
  const { version, integrity } = packages[`node_modules/${name}`];
  const licence = await readLicence(`${repositoryRoot}/.tools/node_modules/${name}`);
  if (licence === undefined) throw new Error(`The licence of ${name} is not known`);
  const notices = [
    `Deno ${version}: licence ${licence}. Its own parts, V8 and ICU among them, are named in its source.\n`,
  ];
  return { origin: "npm", name, version, licence, shipped: true, hash: readIntegrity(integrity), notices };
}

/** Built from Debian's source package; scripts/libbpf/build says which. */
async function describeLibbpf(): Promise<Part> {
  const script = await Deno.readTextFile(`${repositoryRoot}/scripts/libbpf/build`);
  const [, version] = /\bpackage=(\S+)/.exec(script) ?? [];
  const [, sha256] = /\bsha256=([0-9a-f]{64})/.exec(script) ?? [];
  if (version === undefined || sha256 === undefined) {
    throw new Error("scripts/libbpf/build names no version and hash");
  }
  const hash = { algorithm: "SHA-256", hex: sha256 } as const;
  const notices = [
    `libbpf, built from Debian's source package libbpf ${version} (apt-get source libbpf=${version}).\n`,
  ];
  return {
    ...{ origin: "debian", name: "libbpf", version, licence: "LGPL-2.1-only OR BSD-2-Clause" },
    ...{ shipped: true, hash, notices },
  };
}

async function describeDebian(name: string, licence: string): Promise<Part> {
  const format = "${Version}\t${source:Package}\t${source:Version}";
  const { code, stdout } = await new Deno.Command("dpkg-query", { args: ["-W", "-f", format, name] })
    .output();
  if (code !== 0) throw new Error(`Debian's package ${name} is not installed; run ./scripts/setup`);
  const [version, source, sourceVersion] = new TextDecoder().decode(stdout).split("\t");
  const copyright = await Deno.readTextFile(`/usr/share/doc/${name}/copyright`);
  const change = name === "libc6"
    ? " The loader's name of /etc/ld.so.preload is changed, so that it finds none."
    : "";
  const where = `${name}: its source is Debian's source package ${source} ${sourceVersion}.${change}\n`;
  return { origin: "debian", name, version: version!, licence, shipped: true, notices: [where, copyright] };
}
