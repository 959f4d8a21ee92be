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

/**
 * Which filters what a request's target begins with matches, for the kernel's trie. The longest entry that a target begins
 * with is the one that the kernel finds, so each also names the filters of the shorter ones it begins with. An exact path is
 * the path with what ends it in a request line: a space, or the ? of a query.
 *
 * Limits: adding or removing takes time linear in the entries that change.
 */
export class UriTrie {
  /** By text: the filters of that text itself. */
  readonly #own = new Map<string, number[]>();
  readonly #entries = new Map<string, number[]>();
  /** Texts of the entries in order: those that begin with one follow it. */
  readonly #sorted: string[] = [];

  /** Adds a filter; returns the texts of the entries that are new or name one filter more. */
  add(number: number, uri: UriText): string[] {
    const changed: string[] = [];
    for (const text of textsOf(uri)) {
      const own = this.#own.get(text);
      if (own === undefined) {
        this.#own.set(text, []);
        this.#entries.set(text, this.#ofPrefixes(text));
        this.#sorted.splice(this.#placeOf(text), 0, text);
      }
      this.#own.get(text)!.push(number);
      for (const longer of this.#beginningWith(text)) {
        this.#entries.get(longer)!.push(number);
        changed.push(longer);
      }
    }
    return changed;
  }

  /** Removes a filter; returns the texts of the entries that are gone or name one filter less. */
  remove(number: number, uri: UriText): string[] {
    const changed: string[] = [];
    for (const text of textsOf(uri)) {
      const own = without(this.#own.get(text) ?? [], number);
      for (const longer of this.#beginningWith(text)) {
        this.#entries.set(longer, without(this.#entries.get(longer)!, number));
        changed.push(longer);
      }
      if (own.length > 0) this.#own.set(text, own);
      else {
        this.#own.delete(text);
        this.#entries.delete(text);
        this.#sorted.splice(this.#placeOf(text), 1);
      }
    }
    return changed;
  }

  /** All filters that a target with this beginning matches, in any order; none when there is no such entry. */
  filtersOf(text: string): readonly number[] {
    return this.#entries.get(text) ?? [];
  }

  /** Texts of all entries. */
  texts(): readonly string[] {
    return this.#sorted;
  }

  #beginningWith(text: string): string[] {
    const from = this.#placeOf(text);
    let to = from;
    while (this.#sorted[to]?.startsWith(text)) to++;
    return this.#sorted.slice(from, to);
  }

  /** Where a text is in the order, or would be. */
  #placeOf(text: string): number {
    let [low, high] = [0, this.#sorted.length];
    while (low < high) {
      const middle = low + high >> 1;
      if (this.#sorted[middle]! < text) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #ofPrefixes(text: string): number[] {
    const filters: number[] = [];
    for (let length = 0; length < text.length; length++) {
      filters.push(...this.#own.get(text.slice(0, length)) ?? []);
    }
    return filters;
  }
}

function textsOf({ kind, text }: UriText): string[] {
  return kind === "prefix" ? [text] : [`${text} `, `${text}?`];
}

function without(numbers: readonly number[], number: number): number[] {
  return numbers.filter((one) => one !== number);
}

/** What the kernel finds an entry by, as in struct http_uri_key. */
export function encodeKey(text: string): Uint8Array<ArrayBuffer> {
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
