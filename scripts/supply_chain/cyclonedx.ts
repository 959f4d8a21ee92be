import type { Hash, Part } from "./part.ts";

/** The program itself. */
export interface Subject {
  readonly name: string;
  readonly version: string;
  /** SPDX expression. */
  readonly licence: string;
  readonly hash: Hash;
  readonly commit: string;
  /** RFC 3339; nothing is said of the time when it is not known. */
  readonly builtAt: string | undefined;
}

/**
 * A software bill of materials in CycloneDX 1.6 JSON. The same parts give the same bytes.
 *
 * Shape: parts that are not in the executable have the scope "excluded"; a Debian package of which single files went in has
 * these as its own components; `compositions` tells which part holds more than is listed.
 */
export function formatBom(subject: Subject, parts: readonly Part[]): string {
  const sorted = parts.toSorted((one, other) => one.purl < other.purl ? -1 : 1);
  const direct = sorted.filter(({ included }) => included).map(({ purl }) => purl);
  const opaque = sorted.filter(({ listed }) => !listed).map(({ purl }) => purl);
  const bom = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${toUuid(subject.hash.hex)}`,
    version: 1,
    metadata: {
      ...(subject.builtAt === undefined ? {} : { timestamp: subject.builtAt }),
      component: {
        "bom-ref": subject.name,
        type: "application",
        name: subject.name,
        version: subject.version,
        hashes: [formatHash(subject.hash)],
        licenses: formatLicence(subject.licence),
        properties: [{ name: "commit", value: subject.commit }],
      },
    },
    components: sorted.map(formatPart),
    dependencies: [
      { ref: subject.name, dependsOn: direct },
      ...sorted.map(({ purl, needs }) => ({ ref: purl, dependsOn: needs.toSorted() })),
    ],
    compositions: [
      { aggregate: "complete", dependencies: [subject.name] },
      ...(opaque.length === 0 ? [] : [{ aggregate: "incomplete", assemblies: opaque }]),
    ],
  };
  return JSON.stringify(bom, null, 2) + "\n";
}

function formatPart({ name, version, purl, licence, included, hashes, files }: Part) {
  const [, scope, plainName] = /^(@[^/]+)\/(.*)$/.exec(name) ?? [];
  return {
    "bom-ref": purl,
    type: "library",
    ...(scope === undefined ? { name } : { group: scope, name: plainName }),
    version,
    scope: included ? "required" : "excluded",
    ...(hashes.length === 0 ? {} : { hashes: hashes.map(formatHash) }),
    licenses: formatLicence(licence),
    purl,
    ...(files.length === 0 ? {} : {
      components: files.map(({ path, hash }) => ({ type: "file", name: path, hashes: [formatHash(hash)] })),
    }),
  };
}

/** A single identifier is told as such, since readers can look it up. */
function formatLicence(licence: string) {
  return /^[A-Za-z0-9.-]+$/.test(licence) ? [{ license: { id: licence } }] : [{ expression: licence }];
}

function formatHash({ algorithm, hex }: Hash) {
  return { alg: algorithm, content: hex };
}

/** Another executable has another number, the same one the same; version 8 is for uses of one's own. */
function toUuid(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${
    hex.slice(20, 32)
  }`;
}
