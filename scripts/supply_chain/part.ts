/** One package that the executable holds, or that is needed to make it. */
export interface Part {
  readonly name: string;
  readonly version: string;
  /** Names it for all tools, such as `pkg:npm/zod@4.6.7`. */
  readonly purl: string;
  /** SPDX expression. */
  readonly licence: string;
  /** False for what only builds and tests use. */
  readonly included: boolean;
  /** Of the package as it was fetched. */
  readonly hashes: readonly Hash[];
  /** Single files of it that went in, where not the whole did. */
  readonly files: readonly PartFile[];
  /** The purls of the parts it needs. */
  readonly needs: readonly string[];
  /** Where its source is had, in words; "" when it is source itself. */
  readonly source: string;
  /** Licence texts and notices that travel with it. */
  readonly texts: readonly string[];
  /** False when it holds parts of its own that nobody lists here. */
  readonly listed: boolean;
}

/** A hash in lower-case hexadecimal. */
export interface Hash {
  readonly algorithm: "SHA-256" | "SHA-512";
  readonly hex: string;
}

/** A file that went in. */
export interface PartFile {
  readonly path: string;
  readonly hash: Hash;
}

/** Reads the integrity of a lock file, `sha512-` and base64. */
export function parseIntegrity(integrity: string): Hash {
  const base64 = /^sha512-([A-Za-z0-9+/]+=*)$/.exec(integrity)?.[1];
  if (base64 === undefined) throw new Error(`Not a SHA-512 integrity: ${integrity}`);
  return { algorithm: "SHA-512", hex: Uint8Array.fromBase64(base64).toHex() };
}

/** Hashes a file. */
export async function hashFile(path: string): Promise<Hash> {
  const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(path));
  return { algorithm: "SHA-256", hex: new Uint8Array(digest).toHex() };
}
