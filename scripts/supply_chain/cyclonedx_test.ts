import assert from "node:assert/strict";
import { findBomFaults } from "../../tests/support/cyclonedx_schema.ts";
import { formatBom } from "./cyclonedx.ts";
import type { Part } from "./part.ts";

const hash = { algorithm: "SHA-256", hex: "0f".repeat(32) } as const;
const zod: Part = {
  ...{ name: "zod", version: "4.6.7", purl: "pkg:npm/zod@4.6.7", licence: "MIT", included: true },
  ...{ hashes: [], files: [], needs: ["pkg:npm/%40types/x@1.0.0"], source: "", texts: [], listed: true },
};
const types: Part = {
  ...{ ...zod, name: "@types/x", version: "1.0.0", purl: "pkg:npm/%40types/x@1.0.0", included: false },
  ...{ needs: [], licence: "MIT OR Apache-2.0" },
};
const libc: Part = {
  ...{ ...zod, name: "libc6", version: "2.36-9+deb12u14", licence: "LGPL-2.1-or-later", listed: false },
  ...{ purl: "pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=amd64", needs: [] },
  files: [{ path: "/usr/lib/x86_64-linux-gnu/libc.so.6", hash }],
};
const subject = {
  ...{ name: "stakeout", version: "1.0.0", licence: "Apache-2.0", hash, commit: "abc" },
  builtAt: "2026-11-25T00:00:00Z",
};

Deno.test("formatBom() says the same of the same parts, whatever their order, as CycloneDX's schema wants it", () => {
  const text = formatBom(subject, [zod, types, libc]);
  assert.equal(formatBom(subject, [libc, types, zod]), text);
  const bom = JSON.parse(text);
  assert.equal(findBomFaults(bom), "");
  assert.notEqual(findBomFaults({ ...bom, components: [{ type: "library" }] }), "");
  assert.notEqual(findBomFaults({ ...bom, serialNumber: "1" }), "");
});

Deno.test("formatBom() tells what is included, needed, and not listed", () => {
  const { components, dependencies, compositions } = JSON.parse(formatBom(subject, [zod, types, libc]));
  assert.deepEqual(components.map(({ purl, scope }: Record<string, string>) => [purl, scope]), [
    [libc.purl, "required"],
    [types.purl, "excluded"],
    [zod.purl, "required"],
  ]);
  assert.equal(components[0].components[0].name, "/usr/lib/x86_64-linux-gnu/libc.so.6");
  assert.deepEqual([components[1].group, components[1].name], ["@types", "x"]);
  assert.deepEqual(dependencies, [
    { ref: "stakeout", dependsOn: [libc.purl, zod.purl] },
    { ref: libc.purl, dependsOn: [] },
    { ref: types.purl, dependsOn: [] },
    { ref: zod.purl, dependsOn: [types.purl] },
  ]);
  assert.deepEqual(compositions[1], { aggregate: "incomplete", assemblies: [libc.purl] });
});
