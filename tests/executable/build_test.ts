import assert from "node:assert/strict";
import { repositoryRoot } from "../../scripts/command.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { executable, run } from "./executable.ts";

const build = [`${repositoryRoot}/scripts/deno`, "run", "-A", `${repositoryRoot}/scripts/build.ts`];

Deno.test("build makes the same bytes again, as does what goes with them, under 45 MB, and says by which way", async () => {
  await using folder = await makeTestFolder("build");
  const output = `${folder.path}/stakeout`;
  const { code, errors } = await run([...build, "--runtime=deno", `--output=${output}`, "--verify"]);
  assert.equal(code, 0, errors.join("\n"));
  assert.match(
    errors.at(-1)!,
    /: [34]\d\.\d MB, self-extracting, sha256 [0-9a-f]{64}, the same when built again$/,
  );
  assert.ok((await Deno.stat(output)).size < 45e6);
  assert.deepEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name).sort(), [
    "NOTICE",
    "SHA256SUMS",
    "stakeout",
    "stakeout.cdx.json",
  ]);
  for (const name of ["NOTICE", "SHA256SUMS", "stakeout.cdx.json"]) {
    const [one, other] = [folder.path, `${repositoryRoot}/dist`].map((path) =>
      Deno.readTextFileSync(`${path}/${name}`)
    );
    assert.equal(one, other, name);
  }
});

testAsRoot(
  "build takes the self-extracting way, and says why, when no base runtime can be downloaded",
  async () => {
    await using folder = await makeTestFolder("build");
    const output = `${folder.path}/stakeout`;
    // None that an earlier build downloaded, and a network namespace without any network.
    await Deno.remove(`${repositoryRoot}/build/compile/deno_dir`, { recursive: true }).catch(() => {});
    const { code, errors } = await run(["unshare", "--net", ...build, `--output=${output}`]);
    assert.equal(code, 0, errors.join("\n"));
    assert.match(
      errors[0]!,
      /^build: deno compile has no base runtime here \(.+\): taking the self-extracting way$/,
    );
    assert.match(errors.at(-1)!, /self-extracting/);
  },
);

Deno.test("build refuses a base runtime that is none, and names the fix", async () => {
  await using folder = await makeTestFolder("build");
  const outcome = await run([...build, `--output=${folder.path}/stakeout`], { DENORT_BIN: "/bin/true" });
  assert.equal(outcome.code, 1);
  assert.equal(outcome.errors.length, 1, outcome.errors.join("\n"));
  assert.match(outcome.errors[0]!, /^error: deno compile cannot: .+; give DENORT_BIN .*, or --runtime=deno$/);
  assert.deepEqual([...Deno.readDirSync(folder.path)], []);
});

Deno.test("version --json tells commit, runtime, libbpf and the hashes of the BPF objects", async () => {
  const { stdout } = await run([executable, "version", "--json"]);
  const { commit, runtime, libbpf, bpfObjects } = JSON.parse(stdout);
  const head = await run(["git", "-C", repositoryRoot, "rev-parse", "HEAD"]);
  assert.equal(commit.replace(/-changed$/, ""), head.stdout.trim());
  assert.equal(runtime, "deno");
  assert.equal(libbpf, "1.5");
  const sums = await run(["sh", "-c", `cd ${repositoryRoot}/build/bpf && sha256sum *.bpf.o`]);
  assert.deepEqual(
    Object.entries(bpfObjects).map(([name, hash]) => `${hash}  ${name}`).sort(),
    sums.stdout.trim().split("\n").sort(),
  );
});
