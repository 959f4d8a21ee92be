import type { BpfMap } from "../../../lib/bpf/map.ts";
import { layouts } from "../../gen/records.ts";
import { encodeKey, maxUriMatches, uriFault, type UriText, UriTrie } from "./uri_trie.ts";

/** Most filters of a host (MAX_URI_FILTERS). */
export const maxUriFilters = 2048;

const valueLayout = layouts.http_uri_value;

/**
 * Numbers of the URI filters in use, and their entries in the kernel's trie. Rules that name the same path or prefix share one.
 *
 * Limits: 2,048 filters, 119 bytes each, 8 that match one request; `open` says which was reached.
 */
export class UriFilters {
  readonly #map: BpfMap;
  readonly #trie = new UriTrie();
  readonly #used = new Set<number>();
  readonly #numbers = new Map<string, { number: number; uses: number }>();
  #newest = 0;

  constructor(map: BpfMap) {
    this.#map = map;
  }

  /** Number of a filter, one use of it more; or why there is none. */
  open(uri: UriText): number | string {
    const key = `${uri.kind} ${uri.text}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) {
      known.uses++;
      return known.number;
    }
    const fault = uriFault(uri);
    if (fault !== undefined) return fault;
    if (this.#used.size >= maxUriFilters) {
      return `${maxUriFilters.toLocaleString("en")} paths and prefixes are compared on this host already`;
    }
    const number = this.#nextNumber();
    const changed = this.#trie.add(number, uri);
    if (changed.some((text) => this.#trie.filtersOf(text).length > maxUriMatches)) {
      this.#trie.remove(number, uri);
      return `over ${maxUriMatches} paths and prefixes on this host match the same request`;
    }
    this.#used.add(number);
    this.#numbers.set(key, { number, uses: 1 });
    this.#write(changed);
    return number;
  }

  /** Ends one use of a filter. */
  close(uri: UriText): void {
    const key = `${uri.kind} ${uri.text}`;
    const known = this.#numbers.get(key);
    if (known === undefined || --known.uses > 0) return;
    this.#numbers.delete(key);
    this.#used.delete(known.number);
    this.#write(this.#trie.remove(known.number, uri));
  }

  #nextNumber(): number {
    do this.#newest = this.#newest % 65_535 + 1; while (this.#used.has(this.#newest));
    return this.#newest;
  }

  #write(texts: readonly string[]): void {
    for (const text of texts) {
      const filters = this.#trie.filtersOf(text);
      if (filters.length > 0) this.#map.update(encodeKey(text), encodeFilters(filters));
      else this.#map.delete(encodeKey(text));
    }
  }
}

function encodeFilters(filters: readonly number[]): Uint8Array<ArrayBuffer> {
  const value = new Uint16Array(valueLayout.size / 2);
  value.set(filters);
  return new Uint8Array(value.buffer);
}
