import assert from "node:assert/strict";
import { writeCompletion } from "./completion.ts";
import { buildProgram } from "./program.ts";

const program = buildProgram(() => {});

/** What the script offers in bash or, through its emulation, zsh for words already typed. */
async function complete(words: string[]): Promise<string[]> {
  const script = `${writeCompletion(program, "bash")}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}) COMP_CWORD=${words.length - 1}
_stakeout; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, success } = await new Deno.Command("bash", { args: ["-c", script], cwd: "/" }).output();
  assert.ok(success);
  return new TextDecoder().decode(stdout).trim().split("\n");
}

Deno.test("writeCompletion() offers commands, subcommands and options in bash", async () => {
  const commands = await complete(["stakeout", ""]);
  for (const name of ["up", "watch", "policy", "doctor", "--config"]) {
    assert.ok(commands.includes(name), name);
  }
  assert.ok(!commands.includes("naming-child"));
  assert.deepEqual(await complete(["stakeout", "po"]), ["policy"]);
  assert.deepEqual(await complete(["stakeout", "policy", "a"]), ["apply"]);
  assert.ok((await complete(["stakeout", "--state", "/x", "record", "--p"])).includes("--pid"));
  assert.deepEqual(await complete(["stakeout", "policy", "apply", "--file", "pr"]), ["proc"]);
});

Deno.test("writeCompletion() names every command for zsh and fish", () => {
  assert.match(writeCompletion(program, "zsh"), /^#compdef stakeout\n/);
  const fish = writeCompletion(program, "fish");
  for (const name of ["up", "agent", "server", "watch", "record", "apply", "export"]) {
    assert.match(fish, new RegExp(` -a ${name} `), name);
  }
});
