import { layouts } from "../../gen/records.ts";

/** Paths and prefixes, each compared in the kernel. */
export interface UriText {
  readonly kind: "path" | "prefix";
  readonly text: string;
}

/** Longest text that is compared, in bytes: the kernel reads 120 of a target, and an exact path takes one more. */
export const maxUriBytes = 119;
/** URI filters that one request may match (MAX_URI_MATCHES). */
export const maxUriMatches = 8;

const { size, offsets } = layouts.http_uri_key;
const encoder = new TextEncoder();

/** One entry of the trie: what a target begins with, and all filters that such a target matches. */
export interface TrieEntry {
  /** As in struct http_uri_key. */
  readonly key: Uint8Array<ArrayBuffer>;
  readonly filters: readonly number[];
}

/**
 * Makes the entries of the trie for a set of filters, by their number. The longest entry that a target begins with is the one
 * that the kernel finds, so each also names the filters of the shorter ones it begins with. An exact path is the path with
 * what ends it in a request line: a space, or the ? of a query.
 */
export function buildTrie(filters: ReadonlyMap<number, UriText>): TrieEntry[] {
  const own = new Map<string, number[]>();
  for (const [number, { kind, text }] of filters) {
    const texts = kind === "prefix" ? [text] : [`${text} `, `${text}?`];
    for (const one of texts) own.set(one, [...own.get(one) ?? [], number]);
  }
  const entries: TrieEntry[] = [];
  const ancestors: { text: string; filters: readonly number[] }[] = [];
  for (const text of [...own.keys()].sort()) {
    while (ancestors.length > 0 && !text.startsWith(ancestors.at(-1)!.text)) ancestors.pop();
    const all = [...ancestors.at(-1)?.filters ?? [], ...own.get(text)!];
    ancestors.push({ text, filters: all });
    entries.push({ key: encodeKey(text), filters: all });
  }
  return entries;
}

function encodeKey(text: string): Uint8Array<ArrayBuffer> {
  const bytes = encoder.encode(text);
  const key = new Uint8Array(size);
  new DataView(key.buffer).setUint32(offsets.prefix_bits, 8 * bytes.length, true);
  key.set(bytes, offsets.text);
  return key;
}

/** Why a filter cannot be compared in the kernel, undefined when it can. */
export function uriFault({ text }: UriText): string | undefined {
  const bytes = encoder.encode(text).length;
  return bytes > maxUriBytes
    ? `${text.slice(0, 20)}… has ${bytes} bytes, and ${maxUriBytes} are compared; shorten it or use a prefix`
    : undefined;
}
