import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { repositoryRoot } from "../../scripts/command.ts";
import { writeSupplyChain } from "../../scripts/executable/supply_chain.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { executable, run } from "./executable.ts";

const dist = `${repositoryRoot}/dist`;
const tools = `${repositoryRoot}/.tools/node_modules`;

interface Component {
  name: string;
  version: string;
  scope: string;
  purl?: string;
  hashes?: { alg: string; content: string }[];
}

function readSbom(): { components: Component[] } {
  return JSON.parse(Deno.readTextFileSync(`${dist}/stakeout.cdx.json`));
}

Deno.test("the SBOM is one by CycloneDX's own schema", () => {
  const require = createRequire(`${tools}/`);
  const { default: Ajv } = require("ajv");
  const validator = new Ajv({ strict: false, formats: { "iri-reference": true, "idn-email": true } });
  require("ajv-formats").default(validator);
  const folder = `${tools}/@cyclonedx/cyclonedx-library/res/schema`;
  const read = (name: string) => JSON.parse(Deno.readTextFileSync(`${folder}/${name}`));
  for (const name of ["spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json"]) {
    validator.addSchema(read(name), `http://cyclonedx.org/schema/${name}`);
  }
  const validate = validator.compile(read("bom-1.6.SNAPSHOT.schema.json"));
  assert.ok(validate(readSbom()), JSON.stringify(validate.errors));
  const broken = { ...readSbom(), components: [{ type: "library" }] };
  assert.ok(!validate(broken));
});

Deno.test("the SBOM has every package of deno.lock with its hash, and all that the executable is linked with", async () => {
  const { components } = readSbom();
  const lock = JSON.parse(await Deno.readTextFile(`${repositoryRoot}/deno.lock`));
  for (const [key, { integrity }] of Object.entries<{ integrity: string }>(lock.npm)) {
    const [name, version] = [
      key.slice(0, key.indexOf("@", 1)),
      key.slice(key.indexOf("@", 1) + 1).split("_")[0],
    ];
    const found = components.find((one) => one.name === name && one.version === version);
    assert.ok(found !== undefined, key);
    const hash = Uint8Array.fromBase64(integrity.replace("sha512-", "")).toHex();
    assert.deepEqual(found.hashes, [{ alg: "SHA-512", content: hash }], key);
  }
  // As the loader and Debian's package manager see it.
  const linked = await run(["ldd", `${tools}/@deno/linux-x64-glibc/deno`]);
  const files = [...linked.stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path]) =>
    Deno.realPathSync(path!)
  );
  assert.ok(files.length >= 7, linked.stdout);
  for (const file of files) {
    const names = await Promise.all(
      [file, file.replace(/^\/usr/, "")].map(async (path) =>
        (await run(["dpkg", "-S", path])).stdout.split(":")[0]!
      ),
    );
    const name = names.find((one) => one !== "");
    assert.ok(components.some((one) => one.name === name && one.scope === "required"), `${file}: ${name}`);
  }
  const shipped = components.filter(({ scope }) => scope === "required").map(({ name }) => name);
  for (const name of ["zod", "preact", "gecko-profiler-demangle", "@deno/linux-x64-glibc", "libbpf"]) {
    assert.ok(shipped.includes(name), name);
  }
  for (const name of ["esbuild", "fast-check", "playwright-core"]) assert.ok(!shipped.includes(name), name);
});

Deno.test("SBOM, NOTICE and hashes are the same when they are written again, and hold for what lies there", async () => {
  await using folder = await makeTestFolder("supply");
  await Deno.copyFile(executable, `${folder.path}/stakeout`);
  const commit = JSON.parse((await run([executable, "version", "--json"])).stdout).commit;
  await writeSupplyChain(`${folder.path}/stakeout`, commit);
  for (const name of ["stakeout.cdx.json", "NOTICE", "SHA256SUMS"]) {
    assert.equal(
      await Deno.readTextFile(`${folder.path}/${name}`),
      await Deno.readTextFile(`${dist}/${name}`),
      name,
    );
  }
  assert.equal((await run(["sh", "-c", `cd ${dist} && sha256sum --check --strict SHA256SUMS`])).code, 0);
});

Deno.test("deno install takes what deno.lock holds, and refuses, leaving it alone, when deno.json asks for another version", async () => {
  await using folder = await makeTestFolder("frozen");
  const source = await Deno.readTextFile(`${repositoryRoot}/deno.json`);
  const lock = await Deno.readTextFile(`${repositoryRoot}/deno.lock`);
  await Deno.writeTextFile(`${folder.path}/deno.lock`, lock);
  const codes = [];
  for (const text of [source, source.replace('"npm:yaml@2.9.1"', '"npm:yaml@2.9.0"')]) {
    const { imports, lock } = JSON.parse(text);
    await Deno.writeTextFile(`${folder.path}/deno.json`, JSON.stringify({ imports, lock }));
    const install = `cd ${folder.path} && exec ${repositoryRoot}/scripts/deno install --frozen --cached-only`;
    codes.push((await run(["sh", "-c", install])).code);
  }
  assert.deepEqual(codes, [0, 1]);
  assert.equal(await Deno.readTextFile(`${folder.path}/deno.lock`), lock);
});
