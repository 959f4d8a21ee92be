import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { describeRule, readFrameTables } from "../../tests/support/frame_tables.ts";
import { MemorySource } from "../bytes/memory_source.ts";
import { parseElf } from "../elf/elf.ts";
import { GoLineTable } from "../go/line_table.ts";
import { compileUnwindTable } from "./compile_unwind_table.ts";
import { findUnwindRule } from "./unwind_table.ts";

const program = fileURLToPath(new URL("../../tests/programs/names_go.go", import.meta.url));
const entryRule = "cfa=rsp+8 ra=c-8 rbp=u";
const frameRule = "cfa=rbp+16 ra=c-8 rbp=c-16";

async function build(output: string): Promise<void> {
  const { success, stderr } = await new Deno.Command("go", {
    args: ["build", "-o", output, program],
    env: { GO111MODULE: "off", GOFLAGS: "" },
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

Deno.test("compileUnwindTable() of a Go program knows where .debug_frame says that there is no frame", async () => {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-go-" });
  try {
    const path = `${folder}/program`;
    await build(path);
    const source = new MemorySource(Deno.readFileSync(path));
    const elf = parseElf(source)!;
    const table = compileUnwindTable(source, elf);
    assert.ok(!("reason" in table));
    const ruleAt = (address: number) => describeRule(findUnwindRule(table, address - table.firstAddress));
    const names = GoLineTable.read(source, elf)!;
    const special = new Map<string, Set<string>>();
    let frameless = 0;
    let framed = 0;
    let saved = 0;
    for (const row of await readFrameTables(path)) {
      const depth = Number(/^cfa=rsp\+(\d+) ra=c-8 /.exec(row.text)![1]) - 8;
      for (let address = row.start; address < row.end; address++) {
        const rule = ruleAt(address);
        if (depth === 0 && rule === entryRule) frameless++;
        else if (depth > 0 && rule === frameRule) framed++;
        // Before rbp is set, and in assembler, which uses it for other things.
        else if (depth > 0 && rule === `cfa=rsp+${depth + 8} ra=c-8 rbp=c-16`) saved++;
        else {
          const kind = rule === frameRule ? "frame" : rule;
          special.set(kind, (special.get(kind) ?? new Set()).add(names.nameOf(names.findPosition(address))));
        }
      }
    }
    assert.ok(frameless > 50_000 && framed > 300_000 && saved > 1000, `${frameless}, ${framed}, ${saved}`);
    // What has no caller, and what goes from one stack to another, of which .debug_frame says nothing.
    assert.deepEqual([...special.keys()].sort(), ["end", "frame"]);
    assert.ok(special.get("end")!.has("runtime.goexit") && special.get("end")!.has("runtime.mstart"));
    assert.ok(special.get("frame")!.has("runtime.systemstack") && special.get("frame")!.has("runtime.mcall"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
