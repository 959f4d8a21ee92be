import assert from "node:assert/strict";
import { repositoryRoot } from "../../scripts/command.ts";
import { buildProgram, readOutput, type RunningProgram, startProgram } from "../programs/names_build.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";

/** What the agent keeps of root's rights: none that opens /proc/PID/map_files. */
const agentRights = "-all,+bpf,+perfmon,+sys_ptrace,+dac_read_search,+syslog";
const allRights = "+all";

/** What a symbolizer with these rights, started now, makes of a function's address. */
async function readName(rights: string, target: RunningProgram, name: string) {
  const address = new RegExp(`^${name} (0x[0-9a-f]+)$`, "m").exec(target.text)![1]!;
  const reader = [
    Deno.execPath(),
    "run",
    "-A",
    "--no-check",
    `${repositoryRoot}/tests/programs/names_reader.ts`,
  ];
  const text = await readOutput("setpriv", [
    `--bounding-set=${rights}`,
    ...reader,
    String(target.pid),
    String(BigInt(address) + 1n),
  ]);
  return JSON.parse(text) as { function: string; module: string };
}

testAsRoot(
  "a library that was upgraded under a live process has its own names or none, never the new one's",
  async () => {
    await using folder = await makeTestFolder("replaced");
    const library = `${folder.path}/libtarget.so`;
    const program = `${folder.path}/loader`;
    const shared = ["-O0", "-shared", "-fPIC", "-Dmain=run_library"];
    await buildProgram("names_target.c", library, shared);
    await buildProgram("names_loader.c", program, [
      "-Wl,--no-as-needed",
      library,
      `-Wl,-rpath,${folder.path}`,
    ]);
    await using target = await startProgram(program, [], "end 25\n");
    for (const rights of [allRights, agentRights]) {
      const whole = await readName(rights, target, "hidden_leaf");
      assert.deepEqual(whole, { function: "hidden_leaf", module: library });
    }
    // The same functions elsewhere, as a package's next version has them.
    await buildProgram("names_inlined.c", `${folder.path}/new.so`, ["-O0", "-shared", "-fPIC"]);
    await Deno.rename(`${folder.path}/new.so`, library);
    for (const gone of [false, true]) {
      if (gone) await Deno.remove(library);
      assert.equal((await readName(allRights, target, "hidden_leaf")).function, "hidden_leaf");
      assert.deepEqual(await readName(agentRights, target, "hidden_leaf"), { function: "", module: library });
    }
  },
);

testAsRoot(
  "a program that was upgraded or unlinked while it runs keeps its names with the agent's rights",
  async () => {
    await using folder = await makeTestFolder("replaced");
    const program = `${folder.path}/target`;
    await buildProgram("names_target.c", program, ["-O0"]);
    await using target = await startProgram(program, [], "end 25\n");
    await buildProgram("names_inlined.c", `${folder.path}/new`, ["-O0"]);
    await Deno.rename(`${folder.path}/new`, program);
    for (const gone of [false, true]) {
      if (gone) await Deno.remove(program);
      assert.deepEqual(await readName(agentRights, target, "hidden_leaf"), {
        function: "hidden_leaf",
        module: program,
      });
    }
  },
);
