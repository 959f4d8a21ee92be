import assert from "node:assert/strict";
import { readNpmLicence } from "./npm_licence.ts";

async function withPackage(files: Record<string, string>, test: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-licence-" });
  try {
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${folder}/${name}`, text);
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function manifest(license: unknown): string {
  return JSON.stringify({ name: "x", license });
}

Deno.test("readNpmLicence() takes the licence files of an included package, and of others none", async () => {
  const files = {
    "package.json": manifest("MIT"),
    "LICENSE.md": "one\n",
    "NOTICE": "two\n",
    "index.js": "three\n",
  };
  await withPackage(files, async (folder) => {
    assert.deepEqual(await readNpmLicence("x", folder, true), { licence: "MIT", texts: ["one\n", "two\n"] });
    assert.deepEqual(await readNpmLicence("x", folder, false), { licence: "MIT", texts: [] });
  });
});

Deno.test("readNpmLicence() has Apache's text for a package without a file, and refuses where a text is missing", async () => {
  await withPackage({ "package.json": manifest("Apache-2.0") }, async (folder) => {
    const { texts } = await readNpmLicence("x", folder, true);
    assert.match(texts.join(), /^\s+Apache License\s+Version 2\.0, January 2004/);
  });
  await withPackage({ "package.json": manifest("(Apache-2.0 AND ISC)") }, async (folder) => {
    await assert.rejects(readNpmLicence("x", folder, true), { message: /^x has no text of ISC to travel/ });
  });
  await withPackage({ "package.json": manifest(undefined) }, async (folder) => {
    await assert.rejects(readNpmLicence("x", folder, false), { message: /^x names no licence/ });
  });
});

Deno.test("readNpmLicence() refuses a package that is not installed, except for other platforms' esbuild", async () => {
  await assert.rejects(readNpmLicence("x", "/nonexistent", false), { message: /not installed/ });
  await assert.rejects(readNpmLicence("@esbuild/aix-ppc64", "/nonexistent", true), {
    message: /not installed/,
  });
  assert.equal((await readNpmLicence("@esbuild/aix-ppc64", "/nonexistent", false)).licence, "MIT");
});
