import { repositoryRoot } from "../command.ts";
import { readDebianLicence } from "./debian_copyright.ts";
import { hashFile, type Part } from "./part.ts";

/** A binary package as dpkg knows it. */
interface Package {
  name: string;
  version: string;
  architecture: string;
  source: string;
  sourceVersion: string;
}

/**
 * Tells which Debian packages files of this host belong to.
 *
 * Source: dpkg's database; licences from /usr/share/doc/PACKAGE/copyright.
 * @param files absolute paths without links.
 * @throws {Error} naming a file that belongs to no package, or a package whose licence cannot be told.
 */
export async function readDebianParts(files: readonly string[]): Promise<Part[]> {
  const owners = await findOwners([...new Set(files)].sort());
  const parts: Part[] = [];
  for (const owner of [...new Set(owners.values())].sort()) {
    const { name, version, architecture, source, sourceVersion } = await queryPackage(owner);
    const copyright = await Deno.readTextFile(`/usr/share/doc/${name}/copyright`);
    const owned = [...owners].filter(([, package_]) => package_ === owner).map(([path]) => path);
    parts.push({
      ...{ name, version, included: true, needs: [], hashes: [], listed: true },
      purl: await debianPurl(name, version, { arch: architecture, upstream: source }),
      licence: readDebianLicence(source, copyright),
      files: await Promise.all(owned.map(async (path) => ({ path, hash: await hashFile(path) }))),
      source: describeSource(source, sourceVersion),
      texts: [copyright],
    });
  }
  return parts;
}

/** libbpf, which scripts/libbpf/build compiles from Debian's source package. */
export async function readLibbpfPart(): Promise<Part> {
  const folder = `${repositoryRoot}/build/inputs`;
  const [version = "", hex = ""] = (await Deno.readTextFile(`${folder}/libbpf.source`)).trim().split(" ");
  const copyright = await Deno.readTextFile(`${folder}/libbpf.copyright`);
  return {
    ...{ name: "libbpf", version, included: true, needs: [], files: [], listed: true },
    purl: await debianPurl("libbpf", version, { arch: "source" }),
    licence: readDebianLicence("libbpf", copyright),
    hashes: [{ algorithm: "SHA-256", hex }],
    source: describeSource("libbpf", version),
    texts: [copyright],
  };
}

function describeSource(source: string, version: string): string {
  return `Debian's source package ${source} ${version} (apt-get source ${source}=${version})`;
}

async function debianPurl(name: string, version: string, about: Record<string, string>): Promise<string> {
  const release = await Deno.readTextFile("/etc/os-release");
  const field = (key: string) => new RegExp(`^${key}="?([^"\n]*)"?$`, "m").exec(release)?.[1] ?? "";
  const qualifiers: Record<string, string> = { ...about };
  // A source package of another release than this host's has its own in the version.
  if (about.arch !== "source") qualifiers.distro = `${field("ID")}-${field("VERSION_ID")}`;
  const query = Object.keys(qualifiers).sort().map((key) => `${key}=${encodeURIComponent(qualifiers[key]!)}`);
  return `pkg:deb/${field("ID")}/${encodeURIComponent(name)}@${encodeURIComponent(version)}?${
    query.join("&")
  }`;
}

/** Package by path. A path may be known to dpkg as it was before /lib became a link to /usr/lib. */
async function findOwners(paths: string[]): Promise<Map<string, string>> {
  const names = paths.flatMap((path) => [path, path.replace(/^\/usr/, "")]);
  const owners = new Map<string, string>();
  for (const line of (await dpkg(["-S", ...names], 1)).split("\n")) {
    const [, owner, path] = /^([^,\s]+): (\/.*)$/.exec(line) ?? [];
    if (owner !== undefined) owners.set(path!.startsWith("/usr/") ? path! : `/usr${path}`, owner);
  }
  const foreign = paths.filter((path) => !owners.has(path));
  if (foreign.length > 0) throw new Error(`No Debian package owns ${foreign.join(", ")}`);
  return owners;
}

async function queryPackage(owner: string): Promise<Package> {
  const fields = ["Package", "Version", "Architecture", "source:Package", "source:Version"];
  const format = fields.map((field) => `\${${field}}`).join("\\t");
  const [name = "", version = "", architecture = "", source = "", sourceVersion = ""] =
    (await dpkg(["--show", `--showformat=${format}`, owner])).split("\t");
  return { name, version, architecture, source, sourceVersion };
}

/** What dpkg-query says; `most` is the worst code it may end with. */
async function dpkg(args: string[], most = 0): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("dpkg-query", { args, stdin: "null" }).output();
  const decoder = new TextDecoder();
  if (code > most) throw new Error(`dpkg-query ${args[0]} failed: ${decoder.decode(stderr).trim()}`);
  return decoder.decode(stdout);
}
