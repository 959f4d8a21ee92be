import type { BpfMap } from "../../../lib/bpf/map.ts";
import { layouts } from "../../gen/records.ts";
import { buildTrie, maxUriMatches, uriFault, type UriText } from "./uri_trie.ts";

/** Most filters of a host (MAX_URI_FILTERS). */
export const maxUriFilters = 2048;

const valueLayout = layouts.http_uri_value;

/**
 * Numbers of the URI filters in use, and their entries in the kernel's trie. Rules that name the same path or prefix share one.
 *
 * Limits: 2,048 filters, 119 bytes each, 8 that match one request; `open` says which was reached.
 */
export class UriFilters {
  readonly #trie: BpfMap;
  readonly #texts = new Map<number, UriText>();
  readonly #numbers = new Map<string, { number: number; uses: number }>();
  readonly #entries = new Map<string, { key: Uint8Array<ArrayBuffer>; filters: string }>();
  #newest = 0;

  constructor(trie: BpfMap) {
    this.#trie = trie;
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
    if (this.#texts.size >= maxUriFilters) {
      return `${maxUriFilters.toLocaleString("en")} paths and prefixes are compared on this host already`;
    }
    const number = this.#nextNumber();
    this.#texts.set(number, uri);
    const entries = buildTrie(this.#texts);
    if (entries.some(({ filters }) => filters.length > maxUriMatches)) {
      this.#texts.delete(number);
      return `over ${maxUriMatches} paths and prefixes on this host match the same request`;
    }
    this.#numbers.set(key, { number, uses: 1 });
    this.#write(entries);
    return number;
  }

  /** Ends one use of a filter. */
  close(uri: UriText): void {
    const key = `${uri.kind} ${uri.text}`;
    const known = this.#numbers.get(key);
    if (known === undefined || --known.uses > 0) return;
    this.#numbers.delete(key);
    this.#texts.delete(known.number);
    this.#write(buildTrie(this.#texts));
  }

  #nextNumber(): number {
    do this.#newest = this.#newest % 65_535 + 1; while (this.#texts.has(this.#newest));
    return this.#newest;
  }

  #write(entries: ReturnType<typeof buildTrie>): void {
    const gone = new Set(this.#entries.keys());
    for (const { key, filters } of entries) {
      const name = key.toHex();
      const list = filters.join();
      gone.delete(name);
      if (this.#entries.get(name)?.filters === list) continue;
      this.#trie.update(key, encodeFilters(filters));
      this.#entries.set(name, { key, filters: list });
    }
    for (const name of gone) {
      this.#trie.delete(this.#entries.get(name)!.key);
      this.#entries.delete(name);
    }
  }
}

function encodeFilters(filters: readonly number[]): Uint8Array<ArrayBuffer> {
  const value = new Uint16Array(valueLayout.size / 2);
  value.set(filters);
  return new Uint8Array(value.buffer);
}
