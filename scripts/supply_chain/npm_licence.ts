import { repositoryRoot } from "../command.ts";

/** Packages that are locked but not installed, as they are for other platforms: their licence is that of the one they serve. */
const notInstalled: readonly { prefix: string; servant: string }[] = [
  { prefix: "@esbuild/", servant: "node_modules/esbuild" },
];

/** Where a package has no file of its own for a licence that has to travel: the file whose first comment holds it. */
const licenceComments: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "@bufbuild/protobuf": { "BSD-3-Clause": "dist/esm/wire/varint.js" },
};

/** What a package says of its licence. */
export interface NpmLicence {
  /** SPDX expression. */
  readonly licence: string;
  /** Whole texts; read only where the package is included. */
  readonly texts: readonly string[];
}

/** Reads a package's licence from its package.json and its licence files. @throws {Error} when something is missing. */
export async function readNpmLicence(name: string, folder: string, included: boolean): Promise<NpmLicence> {
  const manifest = await readManifest(folder);
  if (manifest === undefined) {
    const known = notInstalled.find(({ prefix }) => name.startsWith(prefix));
    if (included || known === undefined) {
      throw new Error(`${name} is in deno.lock but not installed; run ./scripts/setup`);
    }
    return { licence: (await readManifest(`${repositoryRoot}/${known.servant}`))!.licence, texts: [] };
  }
  const { licence } = manifest;
  return { licence, texts: included ? await readTexts(name, folder, licence) : [] };
}

async function readManifest(folder: string): Promise<{ licence: string } | undefined> {
  let text: string;
  try {
    text = await Deno.readTextFile(`${folder}/package.json`);
  } catch {
    return undefined;
  }
  const { name, license } = JSON.parse(text);
  if (typeof license !== "string") throw new Error(`${name} names no licence in its package.json`);
  return { licence: license };
}

async function readTexts(name: string, folder: string, licence: string): Promise<string[]> {
  const files = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  const texts = files.filter((file) => /^(licen[cs]e|copying|notice)/i.test(file))
    .map((file) => Deno.readTextFileSync(`${folder}/${file}`));
  if (texts.length > 0) return texts;
  for (const id of licence.match(/[A-Za-z0-9.-]+/g)!.filter((word) => !/^(AND|OR|WITH)$/.test(word))) {
    const file = licenceComments[name]?.[id];
    // Its text is the same wherever it stands, ours included.
    if (id === "Apache-2.0") texts.push(await Deno.readTextFile(`${repositoryRoot}/LICENSE`));
    else if (file !== undefined) texts.push(firstComment(await Deno.readTextFile(`${folder}/${file}`)));
    else {throw new Error(
        `${name} has no text of ${id} to travel with it; tell npm_licence.ts where it stands`,
      );}
  }
  return texts;
}

/** The `//` lines that a file begins with. */
function firstComment(text: string): string {
  const lines = text.split("\n");
  const end = lines.findIndex((line) => !line.startsWith("//"));
  return lines.slice(0, end).map((line) => line.replace(/^\/\/ ?/, "")).join("\n") + "\n";
}
