import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { repositoryRoot } from "../../scripts/command.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { run } from "./executable.ts";

const deno = `${repositoryRoot}/scripts/deno`;

/** Every way by which a script could fetch packages; only the set-up says `--frozen` itself. */
const ways = [["install", "--frozen"], ["install"], ["run", "main.ts"], ["check", "main.ts"]];

Deno.test("deno.lock is never written anew: what deno.json asks for otherwise fails", async () => {
  await using folder = await makeTestFolder("lock");
  const { imports, lock } = JSON.parse(await Deno.readTextFile(`${repositoryRoot}/deno.json`));
  const locked = await Deno.readTextFile(`${repositoryRoot}/deno.lock`);
  await Deno.writeTextFile(`${folder.path}/deno.json`, JSON.stringify({ imports, lock }));
  await Deno.writeTextFile(`${folder.path}/main.ts`, 'import "zod";\n');
  const lockWithout = locked.replace(/,\n *"npm:zod@[^"]*": "[^"]*"/, "");
  assert.notEqual(lockWithout, locked);
  for (const [text, expected] of [[locked, 0], [lockWithout, 1]] as const) {
    await Deno.writeTextFile(`${folder.path}/deno.lock`, text);
    for (const [command, ...args] of ways) {
      const script = `cd ${folder.path} && exec ${deno} ${[command, "--cached-only", ...args].join(" ")}`;
      const { code, errors } = await run(["sh", "-c", script], { NO_COLOR: "1" });
      assert.equal(code, expected, `${command} ${args}: ${errors.join("\n")}`);
      assert.equal(await Deno.readTextFile(`${folder.path}/deno.lock`), text);
    }
  }
});

Deno.test("a package with other bytes than deno.lock's hash is not taken", async () => {
  await using folder = await makeTestFolder("lock");
  const archive = await packPackage("harmless", "1.0.0", folder.path);
  await using registry = serveRegistry("harmless", "1.0.0", archive);
  const specifier = "npm:harmless@1.0.0";
  await Deno.writeTextFile(`${folder.path}/deno.json`, JSON.stringify({ imports: { harmless: specifier } }));
  const codes = [];
  for (const hash of [integrityOf(archive), integrityOf("other")]) {
    await Deno.writeTextFile(
      `${folder.path}/deno.lock`,
      JSON.stringify({
        version: "5",
        specifiers: { [specifier]: "1.0.0" },
        npm: { "harmless@1.0.0": { integrity: hash } },
        workspace: { dependencies: [specifier] },
      }),
    );
    const cache = await Deno.makeTempDir({ dir: folder.path });
    const script = `cd ${folder.path} && exec ${deno} install --frozen`;
    const env = { NO_COLOR: "1", DENO_DIR: cache, NPM_CONFIG_REGISTRY: registry.url };
    const { code, errors } = await run(["sh", "-c", script], env);
    codes.push(code);
    if (code !== 0) assert.match(errors.join("\n"), /checksum did not match/);
  }
  assert.deepEqual(codes, [0, 1]);
});

Deno.test("each tool outside deno.json is locked by its hash", async () => {
  const read = async (name: string) =>
    JSON.parse(await Deno.readTextFile(`${repositoryRoot}/scripts/tools/${name}`));
  const [{ dependencies, devDependencies }, { packages: { "": root, ...packages } }] = [
    await read("package.json"),
    await read("package-lock.json"),
  ];
  assert.deepEqual([root.dependencies, root.devDependencies], [dependencies, devDependencies]);
  for (
    const [name, { version, integrity }] of Object.entries<{ version: string; integrity: string }>(packages)
  ) {
    assert.match(integrity, /^sha512-/, name);
    const wanted = { ...dependencies, ...devDependencies }[name.slice("node_modules/".length)];
    if (wanted !== undefined) assert.equal(version, wanted, name);
  }
});

/** A package of one file, as a registry hands it out. */
async function packPackage(name: string, version: string, folder: string): Promise<Uint8Array<ArrayBuffer>> {
  await Deno.mkdir(`${folder}/package`);
  const manifest = JSON.stringify({ name, version, type: "module" });
  await Deno.writeTextFile(`${folder}/package/package.json`, manifest);
  await run([
    "tar",
    "--create",
    "--gzip",
    `--file=${folder}/package.tgz`,
    `--directory=${folder}`,
    "package",
  ]);
  return await Deno.readFile(`${folder}/package.tgz`);
}

/** A registry of one package on loopback. */
function serveRegistry(name: string, version: string, archive: Uint8Array<ArrayBuffer>) {
  const dist = { integrity: integrityOf(archive) };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, ({ url }): Response => {
    if (url.endsWith(".tgz")) return new Response(archive);
    const tarball = `${new URL(url).origin}/${name}.tgz`;
    const versions = { [version]: { name, version, dist: { ...dist, tarball } } };
    return Response.json({ name, versions, "dist-tags": { latest: version } });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function integrityOf(data: string | Uint8Array): string {
  return `sha512-${createHash("sha512").update(data).digest("base64")}`;
}
