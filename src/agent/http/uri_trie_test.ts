import assert from "node:assert/strict";
import fc from "fast-check";
import { layouts } from "../../gen/records.ts";
import { encodeKey, uriFault, UriTrie } from "./uri_trie.ts";

const { offsets } = layouts.http_uri_key;

/** What the kernel's trie finds: the longest entry that a request line's target begins with. */
function match(trie: UriTrie, target: string): number[] {
  const line = new TextEncoder().encode(`${target} HTTP/1.1`);
  let best: { bits: number; filters: readonly number[] } = { bits: -1, filters: [] };
  for (const entry of trie.texts()) {
    const key = encodeKey(entry);
    const bits = new DataView(key.buffer).getUint32(offsets.prefix_bits, true);
    const text = key.subarray(offsets.text, offsets.text + bits / 8);
    if (bits > best.bits && text.every((byte, index) => line[index] === byte)) {
      best = { bits, filters: trie.filtersOf(entry) };
    }
  }
  return best.filters.toSorted((one, other) => one - other);
}

Deno.test("UriTrie has the longest entry name every filter that matches, and no other, whatever comes and goes", () => {
  const text = fc.array(fc.constantFrom("a", "b", "/", "?"), { maxLength: 5 }).map((parts) =>
    `/${parts.join("")}`
  );
  const uri = fc.record({ kind: fc.constantFrom("path" as const, "prefix" as const), text });
  const uris = fc.uniqueArray(uri, { selector: ({ kind, text }) => kind + text });
  fc.assert(
    fc.property(uris, fc.nat(), text, (uris, gone, target) => {
      const filters = new Map(uris.map((one, index) => [index + 1, one]));
      const trie = new UriTrie();
      const mirror = new Map<string, readonly number[]>();
      const write = (changed: readonly string[]) => {
        for (const text of changed) mirror.set(text, [...trie.filtersOf(text)]);
      };
      for (const [number, one] of filters) write(trie.add(number, one));
      for (const [number, one] of filters) {
        if (number % 3 !== gone % 3) continue;
        filters.delete(number);
        write(trie.remove(number, one));
      }
      const expected = [...filters].filter(([, { kind, text }]) =>
        kind === "prefix" ? target.startsWith(text) : target === text || target.startsWith(`${text}?`)
      );
      assert.deepEqual(match(trie, target), expected.map(([number]) => number));
      // What was told to be written is all that there is.
      for (const [text, filters] of mirror) assert.deepEqual(filters, trie.filtersOf(text));
      for (const text of trie.texts()) assert.ok(mirror.has(text));
    }),
  );
});

Deno.test("uriFault() refuses what is longer than the kernel compares", () => {
  assert.equal(uriFault({ kind: "path", text: `/${"é".repeat(59)}` }), undefined);
  assert.match(
    uriFault({ kind: "prefix", text: `/${"é".repeat(60)}` })!,
    /has 121 bytes, and 119 are compared/,
  );
});
