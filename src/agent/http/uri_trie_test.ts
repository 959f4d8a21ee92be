import assert from "node:assert/strict";
import fc from "fast-check";
import { layouts } from "../../gen/records.ts";
import { buildTrie, uriFault, type UriText } from "./uri_trie.ts";

const { offsets } = layouts.http_uri_key;

/** What the kernel's trie finds: the longest entry that a request line's target begins with. */
function match(filters: ReadonlyMap<number, UriText>, target: string): number[] {
  const line = new TextEncoder().encode(`${target} HTTP/1.1`);
  let best: { bits: number; filters: readonly number[] } = { bits: -1, filters: [] };
  for (const { key, filters: found } of buildTrie(filters)) {
    const bits = new DataView(key.buffer).getUint32(offsets.prefix_bits, true);
    const text = key.subarray(offsets.text, offsets.text + bits / 8);
    if (bits > best.bits && text.every((byte, index) => line[index] === byte)) {
      best = { bits, filters: found };
    }
  }
  return best.filters.toSorted((one, other) => one - other);
}

Deno.test("buildTrie() has the longest entry name every filter that matches, and no other", () => {
  const text = fc.array(fc.constantFrom("a", "b", "/", "?"), { maxLength: 5 }).map((parts) =>
    `/${parts.join("")}`
  );
  const uri = fc.record({ kind: fc.constantFrom("path" as const, "prefix" as const), text });
  fc.assert(
    fc.property(fc.uniqueArray(uri, { selector: ({ kind, text }) => kind + text }), text, (uris, target) => {
      const filters = new Map(uris.map((one, index) => [index + 1, one]));
      const expected = [...filters].filter(([, { kind, text }]) =>
        kind === "prefix" ? target.startsWith(text) : target === text || target.startsWith(`${text}?`)
      );
      assert.deepEqual(match(filters, target), expected.map(([number]) => number));
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
