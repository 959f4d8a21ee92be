import { parseElf } from "../../../lib/elf/elf.ts";
import type { Mapping } from "../../../lib/procfs/maps.ts";
import { openExecutable } from "../../../lib/sys/open_in_root.ts";

const supported = "OpenSSL 1.1.1 and 3 are read";
const libraries: readonly (readonly [RegExp, string])[] = [
  [/\/libjvm\.so$/, "Java"],
  [/\/libgnutls[^/]*\.so/, "GnuTLS"],
  [/\/libssl3\.so$/, "NSS"],
  [/\/libmbedtls[^/]*\.so/, "Mbed TLS"],
  [/\/libwolfssl[^/]*\.so/, "wolfSSL"],
];

/** Says which TLS a process without a probed library speaks by the files that it executes, and that it is not read. */
export function explainUnread(pid: number, mappings: readonly Mapping[]): string {
  const known = libraries.find(([pattern]) => mappings.some(({ path }) => pattern.test(path)));
  if (known !== undefined) return `it uses ${known[1]}'s TLS; ${supported}`;
  if (isGo(pid)) return `it uses Go's crypto/tls; ${supported}`;
  return `none of its files exports OpenSSL's functions (linked statically without symbols, or another library); ${supported}`;
}

function isGo(pid: number): boolean {
  const file = openExecutable(pid);
  if (file === undefined) return false;
  try {
    return parseElf(file)?.sections.some(({ name }) => name === ".gopclntab" || name === ".go.buildinfo") ??
      false;
  } finally {
    file.close();
  }
}
