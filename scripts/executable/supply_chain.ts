/** What goes beside an executable: its parts as an SBOM, their notices, and hashes. No time is in them: builds repeat. */
import { createHash } from "node:crypto";
import { version } from "../../src/model/version.ts";
import { listParts, type Part } from "./parts.ts";

/**
 * Writes `stakeout.cdx.json` (CycloneDX 1.6), `NOTICE` and `SHA256SUMS` into the executable's folder.
 * @throws {Error} when a part's licence is not known.
 */
export async function writeSupplyChain(executable: string, commit: string): Promise<void> {
  const folder = executable.slice(0, executable.lastIndexOf("/"));
  const name = executable.slice(folder.length + 1);
  const parts = await listParts();
  const files = new Map([
    ["stakeout.cdx.json", `${JSON.stringify(makeSbom(parts, commit), null, 2)}\n`],
    ["NOTICE", makeNotice(parts)],
  ]);
  const sums = [`${await hashFile(executable)}  ${name}\n`];
  for (const [file, text] of files) {
    await Deno.writeTextFile(`${folder}/${file}`, text);
    sums.push(`${createHash("sha256").update(text).digest("hex")}  ${file}\n`);
  }
  await Deno.writeTextFile(`${folder}/SHA256SUMS`, sums.join(""));
}

/** The SHA-256 of a file, in hexadecimal. */
export async function hashFile(path: string): Promise<string> {
  return createHash("sha256").update(await Deno.readFile(path)).digest("hex");
}

function makeSbom(parts: readonly Part[], commit: string) {
  const main = {
    ...{ type: "application", "bom-ref": "stakeout", name: "stakeout", version },
    licenses: [{ license: { id: "Apache-2.0" } }],
    properties: [{ name: "stakeout:commit", value: commit }],
  };
  const programs = {
    ...{ type: "library", "bom-ref": "stakeout-bpf", name: "stakeout-bpf", version },
    ...{ scope: "required", licenses: [{ expression: "GPL-2.0-only OR BSD-2-Clause" }] },
  };
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: { component: main },
    components: [programs, ...parts.map(makeComponent)],
    dependencies: [{
      ref: "stakeout",
      dependsOn: ["stakeout-bpf", ...parts.filter(({ shipped }) => shipped).map(makePurl)],
    }],
  };
}

function makeComponent(part: Part) {
  const { name, version, licence, shipped, hash } = part;
  const isExpression = / (OR|AND|WITH) /.test(licence);
  const purl = makePurl(part);
  return {
    ...{ type: "library", "bom-ref": purl, name, version, scope: shipped ? "required" : "excluded" },
    ...(hash === undefined ? {} : { hashes: [{ alg: hash.algorithm, content: hash.hex }] }),
    licenses: [isExpression ? { expression: licence } : { license: { id: licence } }],
    purl,
  };
}

function makePurl({ origin, name, version }: Part): string {
  const kind = origin === "npm" ? "npm" : "deb/debian";
  return `pkg:${kind}/${name.replace("@", "%40")}@${encodeURIComponent(version)}`;
}

function makeNotice(parts: readonly Part[]): string {
  const shipped = parts.filter((part) => part.shipped);
  const list = shipped.map(({ name, version, licence }) => `  ${name} ${version}: ${licence}\n`).join("");
  const rule = "-".repeat(100);
  const texts = shipped.flatMap(({ name, version, notices }) =>
    notices.length === 0 ? [] : [`${rule}\n${name} ${version}\n\n${notices.join("\n").trimEnd()}\n`]
  );
  return `Stakeout: Apache-2.0. Its BPF programs: GPL-2.0-only OR BSD-2-Clause.

The executable also holds these parts of others, unchanged but where noted:

${list}
The C library's files, libelf and libbpf may be replaced by other versions of them: the executable is made of them and the
source by 'deno task build'. Debian keeps the source of each version named here as a source package.

${texts.join("\n")}`;
}
