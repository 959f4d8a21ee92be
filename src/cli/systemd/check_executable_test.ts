import assert from "node:assert/strict";
import { CommandError } from "../command_error.ts";
import { checkExecutable } from "./check_executable.ts";

const asRoot = { ignore: Deno.uid() !== 0 };

function refusal(path: string): string {
  try {
    checkExecutable(path, "", "agent");
  } catch (error) {
    assert.ok(error instanceof CommandError);
    return error.message;
  }
  return "";
}

Deno.test("checkExecutable() takes a program that is root's own and that anybody may run", () => {
  assert.equal(checkExecutable("/usr/bin/env", "", "agent"), "/usr/bin/env");
});

Deno.test(
  "checkExecutable() refuses what others could exchange or its user could not run",
  asRoot,
  async () => {
    const folder = await Deno.makeTempDir({ dir: "/var/lib", prefix: "stakeout-test-" });
    const path = `${folder}/stakeout`;
    try {
      await Deno.writeTextFile(path, "");
      await Deno.chmod(path, 0o755);
      assert.match(
        refusal(path),
        /: its user may not enter \/var\/lib\/stakeout-test-\w+; run: install -m 755 /,
      );
      await Deno.chmod(folder, 0o755);
      assert.equal(refusal(path), "");
      await Deno.chmod(path, 0o700);
      assert.match(refusal(path), /: its user may not read and run \S+\/stakeout; /);
      await Deno.chmod(path, 0o757);
      assert.match(refusal(path), /: others than root may write to \S+\/stakeout; /);
      await Deno.chmod(path, 0o755);
      await Deno.chown(path, 65534, 65534);
      assert.match(refusal(path), /\/stakeout belongs to uid 65534, not to root; /);
      await Deno.chown(path, 0, 0);
      await Deno.chmod(folder, 0o775);
      assert.match(refusal(path), /: others than root may write to \/var\/lib\/stakeout-test-\w+; /);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

Deno.test("checkExecutable() follows links to where a service could not", async () => {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-" });
  await Deno.symlink("/usr/bin/env", `${folder}/stakeout`);
  assert.match(refusal(`${folder}/stakeout`), /: its sandbox hides what is in \/tmp\/; /);
  await Deno.remove(folder, { recursive: true });
});
