import assert from "node:assert/strict";
import { buildProgram, readOutput } from "../../tests/programs/names_build.ts";
import { openInOwnRoot } from "../sys/open_in_root.ts";
import { parseElf } from "./elf.ts";
import { readMiniDebugInfo } from "./mini_debug_info.ts";
import { SymbolTable } from "./symbol_table.ts";

/** Adds .gnu_debugdata the way Fedora's packages get theirs, and strips the rest. */
async function addMiniDebugInfo(folder: string, whole: string): Promise<string> {
  const [mini, stripped] = [`${folder}/mini`, `${folder}/stripped`];
  await readOutput("objcopy", ["--only-keep-debug", whole, mini]);
  await readOutput("objcopy", ["--strip-debug", mini]);
  await readOutput("xz", ["--force", mini]);
  await readOutput("objcopy", ["--strip-all", "--add-section", `.gnu_debugdata=${mini}.xz`, whole, stripped]);
  return stripped;
}

Deno.test("readMiniDebugInfo() names a stripped program's functions as nm names the whole one's", async () => {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-mini-" });
  try {
    const whole = `${folder}/whole`;
    await buildProgram("names_mangled.cc", whole, ["-O1"]);
    const source = openInOwnRoot(await addMiniDebugInfo(folder, whole))!;
    const elf = parseElf(source)!;
    const without = new SymbolTable([{ source, elf }]);
    const table = new SymbolTable([{ source, elf }, readMiniDebugInfo(source, elf)!]);
    const nm = await readOutput("nm", ["--defined-only", "--print-size", whole]);
    const functions = [...nm.matchAll(/^([0-9a-f]+) [0-9a-f]+ [tTwW] (\S+)$/gm)];
    const byAddress = Map.groupBy(functions, ([, address]) => parseInt(address!, 16));
    let fresh = 0;
    for (const [address, symbols] of byAddress) {
      const names = symbols.map(([, , name]) => name!);
      assert.ok(names.includes(table.find(address) ?? ""), `${names}`);
      if (without.find(address) === undefined) fresh++;
    }
    assert.ok(fresh > 10, String(fresh));
    source.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
