/** Licences as Debian names them, and their SPDX identifiers. */
const spdxNames: Readonly<Record<string, string>> = {
  "BSD-2-clause": "BSD-2-Clause",
  "BSD-2-Clause": "BSD-2-Clause",
  "BSD-3-clause": "BSD-3-Clause",
  "Expat": "MIT",
  "GPL-2": "GPL-2.0-only",
  "GPL-2+": "GPL-2.0-or-later",
  "GPL-3+": "GPL-3.0-or-later",
  "LGPL-2.1": "LGPL-2.1-only",
  "LGPL-2.1+": "LGPL-2.1-or-later",
  "LGPL-3+": "LGPL-3.0-or-later",
  "Zlib": "Zlib",
  "zlib": "Zlib",
};

/** How a source package's licence is told. */
type Rule =
  /** Files of it that stand for what went in, as its machine-readable copyright file lists them. */
  | { source: RegExp; files: readonly string[] }
  /** Where that file is plain text: the licence, and what the text says of it. */
  | { source: RegExp; licence: string; says: RegExp };

const rules: readonly Rule[] = [
  { source: /^elfutils$/, files: ["libelf/elf_begin.c", "libelf/dl-hash.h"] },
  { source: /^libbpf$/, files: ["src/libbpf.c"] },
  { source: /^libzstd$/, files: ["lib/decompress/zstd_decompress.c"] },
  { source: /^zlib$/, files: ["inflate.c"] },
  {
    source: /^glibc$/,
    licence: "LGPL-2.1-or-later",
    says:
      /GNU C Library is free software.* GNU Lesser General Public License .*version 2\.1 of the License, or/,
  },
  {
    source: /^gcc-\d+$/,
    licence: "GPL-3.0-or-later WITH GCC-exception-3.1",
    says: /Runtime Library Exception \(included in this file\): - libgcc \(libgcc\//,
  },
];

/**
 * The SPDX expression of a source package, read from the copyright file of its Debian package.
 *
 * @throws {Error} when the package is unknown here, or its file says something else than is known.
 */
export function readDebianLicence(source: string, copyright: string): string {
  const rule = rules.find((rule) => rule.source.test(source));
  if (rule === undefined) {
    throw new Error(`${source} is in the executable; tell debian_copyright.ts how to read its licence`);
  }
  if ("says" in rule) {
    if (rule.says.test(copyright.replaceAll(/\s+/g, " "))) return rule.licence;
    throw new Error(`${source}'s copyright file does not say what debian_copyright.ts knows of it`);
  }
  const licences = new Set(rule.files.map((file) => toSpdx(findLicence(copyright, file, source))));
  const [first] = licences;
  if (licences.size === 1) return first!;
  return [...licences].map((licence) => licence.includes(" OR ") ? `(${licence})` : licence).join(" AND ");
}

/** The licence of the last paragraph that covers a file, as Debian's copyright format rules. */
function findLicence(copyright: string, file: string, source: string): string {
  let found: string | undefined;
  for (const paragraph of copyright.split(/\n\s*\n/)) {
    const patterns = readField(paragraph, "Files")?.split(/\s+/);
    if (patterns?.some((pattern) => toPattern(pattern).test(file))) {
      found = readField(paragraph, "License")?.split("\n")[0]?.trim();
    }
  }
  if (found === undefined) throw new Error(`${source}'s copyright file says nothing of ${file}`);
  return found;
}

/** A field with its continuation lines. */
function readField(paragraph: string, name: string): string | undefined {
  return new RegExp(`^${name}:[ \\t]*(.*(?:\\n[ \\t].*)*)`, "m").exec(paragraph)?.[1];
}

/** `*` and `?` match slashes too. */
function toPattern(glob: string): RegExp {
  const escaped = glob.replaceAll(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`);
}

function toSpdx(licence: string): string {
  return licence.split(/ (and|or) /).map((word, place) => {
    if (place % 2 === 1) return word.toUpperCase();
    const spdx = spdxNames[word];
    if (spdx === undefined) {
      throw new Error(`Debian's licence ${word} has no SPDX name in debian_copyright.ts`);
    }
    return spdx;
  }).join(" ");
}
