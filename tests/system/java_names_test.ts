import assert from "node:assert/strict";
import { repositoryRoot, runCommand } from "../../scripts/command.ts";
import { type ScriptTarget, startScript } from "../support/script_target.ts";
import { sharesBelow } from "../support/stack_shares.ts";
import { runStakeout } from "../support/stakeout.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { sleep } from "../support/wait.ts";

const framePointers = "-XX:+PreserveFramePointer";

/** Compiles and starts Work.java for so many seconds; its methods are not put into one another, so that each has frames. */
async function startJava(folder: string, seconds: number, ...flags: string[]): Promise<ScriptTarget> {
  await runCommand("javac", ["-d", folder, `${repositoryRoot}/tests/programs/Work.java`]);
  const compiler = ["-XX:CompileCommand=quiet", "-XX:CompileCommand=dontinline,Work*::*"];
  return await startScript("java", [...flags, ...compiler, "-cp", folder, "Work", String(seconds)], folder);
}

/** Has the JVM write its map once a second, as its user would do while it still compiles. */
async function writeMaps(pid: number, times: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    await runCommand("jcmd", [String(pid), "Compiler.perfmap"]);
    await sleep(1000);
  }
}

async function record(pid: number, seconds: number, output: string): Promise<string[]> {
  const args = ["record", "--pid", String(pid), "--for", `${seconds}s`, "--frequency", "499", "-o", output];
  const { code, errors } = await runStakeout(args);
  assert.equal(code, 0, errors.join("\n"));
  return errors.filter((line) => line.startsWith("note: "));
}

testAsRoot(
  "record shows the methods of a Java program under each other, with the shares that the JVM itself counts",
  async () => {
    await using folder = await makeTestFolder("java");
    const output = `${folder.path}/java.folded`;
    await using target = await startJava(folder.path, 8, framePointers);
    const [notes] = await Promise.all([record(target.pid, 4, output), writeMaps(target.pid, 4)]);
    const counted = new Map(
      [...(await target.ended()).matchAll(/(\w+) (\d\.\d+)/g)].map((
        [, name, share],
      ) => [name!, Number(share)]),
    );

    const folded = await Deno.readTextFile(output);
    const methods = new Map([["mixNumbers", "Work.mixNumbers"], ["sortNumbers", "Work.sortNumbers"], [
      "parse",
      "Work$Text.parse",
    ]]);
    const shares = sharesBelow(folded, "Work.handleRequest", [...methods.values()]);
    assert.equal(counted.size, 3);
    for (const [name, method] of methods) {
      const difference = Math.abs(shares.get(method)! - counted.get(name)!);
      assert.ok(difference < 0.06, `${name}: ${shares.get(method)}, by the JVM ${counted.get(name)}`);
    }
    assert.match(folded, /^Interpreter;Work\.handleRequest;Work\.mixNumbers \d+$/m);
    assert.match(folded, /;Work\.sortNumbers;java\.util\.Arrays\.sort;java\.util\.TimSort\.sort;/);
    assert.doesNotMatch(folded, /JavaCalls|StubRoutines|I2C/);
    // What was compiled at the very end may have no name yet.
    assert.ok(
      notes.every((note) => note.startsWith("note: Some Java methods have no names")),
      notes.join("\n"),
    );
  },
);

testAsRoot(
  "record says what a JVM was not asked for, keeps its frames, and takes a map that is written meanwhile",
  async () => {
    await using folder = await makeTestFolder("java");
    const output = `${folder.path}/java.folded`;
    await using target = await startJava(folder.path, 60);
    const notes = await record(target.pid, 2, output);
    assert.deepEqual(notes, [
      `note: Names of Java methods are missing; while the profile runs, once it is warm, let the JVM (17 or newer) write them down with jcmd ${target.pid} Compiler.perfmap`,
      "note: Stacks of Java methods end early, and the JVM's command line does not have it keep frame pointers; start it with java -XX:+PreserveFramePointer",
    ]);
    assert.match(await Deno.readTextFile(output), /^(.*;)?\[java jit\](;.*)? \d+$/m);

    const [later] = await Promise.all([record(target.pid, 4, output), writeMaps(target.pid, 3)]);
    assert.ok(later.every((note) => !note.includes("Names of Java methods are missing")), later.join("\n"));
    assert.match(await Deno.readTextFile(output), /^(.*;)?Work\.mixNumbers \d+$/m);
  },
);
