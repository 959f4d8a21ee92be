import assert from "node:assert/strict";
import { repositoryRoot } from "../../scripts/command.ts";
import { findBomFaults, isSpdxExpression } from "../support/cyclonedx_schema.ts";
import { run } from "./executable.ts";

const dist = `${repositoryRoot}/dist`;

interface Component {
  type: string;
  group?: string;
  name: string;
  version: string;
  scope: string;
  purl: string;
  hashes?: { alg: string; content: string }[];
  licenses: { expression?: string; license?: { id: string } }[];
  components?: Component[];
}

const bom: { components: Component[] } = JSON.parse(await Deno.readTextFile(`${dist}/stakeout.cdx.json`));
const required = bom.components.filter(({ scope }) => scope === "required");

Deno.test("the bill of materials is one by CycloneDX's schema, with licences of SPDX and no host of a registry", () => {
  assert.equal(findBomFaults(bom), "");
  for (const { purl, licenses } of bom.components) {
    for (const { expression, license } of licenses) {
      const licence = expression ?? license!.id;
      assert.ok(isSpdxExpression(licence), `${purl}: ${licence}`);
    }
  }
  assert.ok(!isSpdxExpression("GPL-3+ with exception"));
  assert.doesNotMatch(JSON.stringify(bom), /registry|deb\.debian|snapshot\.debian/);
});

Deno.test("the bill of materials has every package of deno.lock with its hash", async () => {
  const lock = JSON.parse(await Deno.readTextFile(`${repositoryRoot}/deno.lock`));
  const names = new Set<string>();
  for (const [key, { integrity }] of Object.entries<{ integrity: string }>(lock.npm)) {
    const at = key.indexOf("@", 1);
    const [name, version] = [key.slice(0, at), key.slice(at + 1).split("_")[0]];
    const found = bom.components.find((one) => fullName(one) === name && one.version === version);
    assert.ok(found !== undefined, key);
    const hash = Uint8Array.fromBase64(integrity.replace("sha512-", "")).toHex();
    assert.deepEqual(found.hashes, [{ alg: "SHA-512", content: hash }], key);
    names.add(name);
  }
  assert.ok(names.size > 40, `${names.size} packages`);
  const included = new Set(required.map(fullName));
  for (const name of ["zod", "preact", "gecko-profiler-demangle", "@deno/linux-x64-glibc", "libbpf"]) {
    assert.ok(included.has(name), name);
  }
  for (const name of ["esbuild", "fast-check", "playwright-core", "@types/node"]) {
    assert.ok(names.has(name) && !included.has(name), name);
  }
});

Deno.test("the bill of materials has every file that the runtime loads, and all packages that were linked in", async () => {
  const deno = `${repositoryRoot}/.tools/node_modules/@deno/linux-x64-glibc/deno`;
  const loaded = [...(await run(["ldd", deno])).stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)];
  const paths = loaded.map(([, path]) => Deno.realPathSync(path!));
  assert.ok(paths.length >= 7, paths.join(" "));
  const files = new Map(
    required.flatMap(({ components = [] }) =>
      components.map(({ name, hashes }) => [name, hashes![0]!.content])
    ),
  );
  for (const line of (await run(["sha256sum", ...paths])).stdout.trim().split("\n")) {
    const [hash, path] = line.split(/\s+/);
    assert.equal(files.get(path!), hash, line);
  }
  for (const name of ["libelf.a", "libz.a", "libzstd.a", "libc.a", "libgcc.a"]) {
    assert.ok([...files.keys()].some((path) => path.endsWith(`/${name}`)), name);
  }
});

Deno.test("NOTICE has each part with its licence texts and where its source is, and the sums hold", async () => {
  const notice = await Deno.readTextFile(`${dist}/NOTICE`);
  for (const part of required) {
    assert.ok(notice.includes(`\n- ${fullName(part)} ${part.version}: `), part.purl);
    if (part.purl.startsWith("pkg:deb/")) {
      assert.match(notice, new RegExp(`- ${part.name} .*\n  Source: Debian's source package `));
    }
  }
  const texts = ["GNU LESSER GENERAL PUBLIC LICENSE\n[^]*Version 2.1, February 1999", "the Deno authors"];
  texts.push(
    "GCC RUNTIME LIBRARY EXCEPTION",
    "Apache License\n",
    "Copyright 2008 Google Inc",
    "Colin McDonnell",
  );
  for (const text of texts) assert.match(notice, new RegExp(text), text);
  assert.equal((await run(["sh", "-c", `cd ${dist} && sha256sum --check --strict SHA256SUMS`])).code, 0);
});

function fullName({ group, name }: Component): string {
  return group === undefined ? name : `${group}/${name}`;
}
