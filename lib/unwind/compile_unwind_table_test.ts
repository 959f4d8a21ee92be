import assert from "node:assert/strict";
import { buildProgram } from "../../tests/programs/names_build.ts";
import { codeAddress, FrameBytes, makeFrameFile, u32, u64 } from "../../tests/support/frame_bytes.ts";
import { describeRule, isSameFrame, readFrameTables } from "../../tests/support/frame_tables.ts";
import { MemorySource } from "../bytes/memory_source.ts";
import { parseElf } from "../elf/elf.ts";
import { openVdso } from "../symbol/vdso.ts";
import { compileUnwindTable } from "./compile_unwind_table.ts";
import { cfaBase, savedFramePointer } from "./unwind_rule.ts";
import { findUnwindRule, type UnwindTable } from "./unwind_table.ts";

/** What a function has at its entry, before any instruction. */
const entryRule = "cfa=rsp+8 ra=c-8 rbp=u";

function compile(...sections: FrameBytes[]): UnwindTable {
  const { source, elf } = makeFrameFile(...sections);
  const table = compileUnwindTable(source, elf);
  assert.ok(!("reason" in table), "reason" in table ? table.reason : "");
  return table;
}

function ruleAt(table: UnwindTable, address: number): string {
  return describeRule(findUnwindRule(table, address - table.firstAddress));
}

/** Compares all addresses of functions with binutils and LLVM; the number of them, and of those that differ. */
async function compareWithBinutils(path: string): Promise<{ compared: number; different: number }> {
  const source = new MemorySource(Deno.readFileSync(path));
  const table = compileUnwindTable(source, parseElf(source)!);
  assert.ok(!("reason" in table));
  const texts = new Map(table.rules.map((rule) => [rule, describeRule(rule)]));
  let compared = 0;
  let different = 0;
  let end = table.firstAddress;
  for (const row of await readFrameTables(path)) {
    // No function is there, and no more than alignment has a rule.
    for (let address = end + 15; address < row.start; address++) {
      assert.equal(findUnwindRule(table, address - table.firstAddress).base, cfaBase.none);
    }
    end = row.end;
    for (let address = row.start; address < row.end; address++) {
      compared++;
      const text = texts.get(findUnwindRule(table, address - table.firstAddress))!;
      if (!isSameFrame(row, text)) different++;
    }
  }
  assert.deepEqual(table.loss.cutReason, "");
  return { compared, different };
}

Deno.test("compileUnwindTable() has the rules that binutils reads at every address of libc and nginx", async () => {
  const libc = await compareWithBinutils("/lib/x86_64-linux-gnu/libc.so.6");
  // longjmp, setcontext and vfork take registers along that no rule has.
  assert.ok(libc.compared > 1_000_000 && libc.different / libc.compared < 0.0005, JSON.stringify(libc));
  const nginx = await compareWithBinutils("/usr/sbin/nginx");
  assert.ok(nginx.compared > 500_000 && nginx.different === 0, JSON.stringify(nginx));
});

Deno.test("compileUnwindTable() reads the vdso of this kernel", () => {
  const maps = Deno.readTextFileSync("/proc/self/maps");
  const [start, end] = /^(\w+)-(\w+) .*\[vdso\]$/m.exec(maps)!.slice(1).map((text) => parseInt(text, 16));
  const source = openVdso(end! - start!)!;
  const table = compileUnwindTable(source, parseElf(source)!);
  assert.ok(!("reason" in table) && table.rows.length > 5);
});

Deno.test("compileUnwindTable() has binutils' rules of rare kinds, in PIE and fixed programs", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const flags of [["-pie", "-fPIE"], ["-no-pie", "-fno-pie"]]) {
      const path = `${folder}/rules${flags[0]}`;
      await buildProgram("unwind_rules.c", path, ["-O2", "-g", "-mavx2", ...flags]);
      const { compared, different } = await compareWithBinutils(path);
      assert.ok(compared > 150 && different === 0, `${different} of ${compared}`);
      const source = new MemorySource(Deno.readFileSync(path));
      const table = compileUnwindTable(source, parseElf(source)!) as UnwindTable;
      const bases = new Set(table.rules.map(({ base }) => base));
      const { stackSlot, indexedSlot, frameSlot, plt, end, register } = cfaBase;
      for (const base of [stackSlot, indexedSlot, frameSlot, plt, end, register + 11]) {
        assert.ok(bases.has(base));
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("compileUnwindTable() reads CIEs of versions 1, 3 and 4 and the augmentations that compilers write", () => {
  const personality = [0x9b, 1, 2, 3, 4, 0x1b, 0x03];
  const kinds = [
    new FrameBytes().addCommon({ version: 1 }).addFunction(),
    new FrameBytes().addCommon({ version: 3 }).addFunction(),
    new FrameBytes().addCommon({ version: 4 }).addFunction(),
    new FrameBytes().addCommon({ augmentation: "zPLR", augmentationData: personality })
      .addFunction({ augmentationData: [1, 2, 3, 4] }),
    new FrameBytes().addCommon({ augmentation: "", augmentationData: [] })
      .addFunction({ pointers: [...u64(codeAddress), ...u64(0x100)] }),
    new FrameBytes(true).addCommon({ version: 4, augmentation: "", augmentationData: [] })
      .addFunction({ pointers: [...u64(codeAddress), ...u64(0x100)] }),
  ];
  for (const frames of kinds) {
    const table = compile(frames);
    assert.equal(table.firstAddress, 0x400000);
    assert.deepEqual(table.loss, { unsupportedRows: 0, skippedFunctions: 0, cutReason: "" });
    assert.equal(ruleAt(table, codeAddress - 1), "none");
    assert.equal(ruleAt(table, codeAddress), entryRule);
    assert.equal(ruleAt(table, codeAddress + 0xff), entryRule);
    assert.equal(ruleAt(table, codeAddress + 0x100), "none");
  }
});

Deno.test("compileUnwindTable() reads what it knows of an FDE and leaves the rest to frame pointers", () => {
  const cases: [name: string, program: number[], at1: string, at2: string][] = [
    // Each goes on 1 byte, does something, and goes on 1 more.
    ["unknown opcode", [0x41, 0x3f, 0x41], "none", "none"],
    ["restore without remember", [0x41, 0x0b, 0x41], "none", "none"],
    ["65 remembered states", [0x41, ...new Array(65).fill(0x0a), 0x41], "none", "none"],
    ["64 remembered states", [0x41, ...new Array(64).fill(0x0a), 0x41, 0x0b], entryRule, entryRule],
    ["an operand behind the end", [0x41, 0x0e], "none", "none"],
    ["no known register", [0x41, 0x0c, 17, 0, 0x41, 0x0c, 7, 8], "none", entryRule],
    ["CFA beyond 32 bits", [0x41, 0x0e, 255, 255, 255, 255, 127, 0x41, 0x0e, 8], "none", entryRule],
    ["an unknown expression", [0x41, 0x0f, 2, 0x30, 0x31, 0x41, 0x0c, 7, 8], "none", entryRule],
    ["return address in rdi", [0x41, 0x09, 16, 5, 0x41, 0xd0], "none", entryRule],
    ["rsp saved", [0x41, 0x87, 2, 0x41, 0xc7], "none", entryRule],
    ["rsp as usual", [0x41, 0x14, 7, 0, 0x41], entryRule, entryRule],
    ["no return address", [0x41, 0x07, 16, 0x41], "end", "end"],
    ["rbp in rax", [0x41, 0x86, 2, 0x41, 0x09, 6, 0], "cfa=rsp+8 ra=c-8 rbp=c-16", entryRule],
    ["rbp too far", [0x41, 0x86, 128, 128, 1, 0x41], entryRule, entryRule],
  ];
  for (const [name, program, at1, at2] of cases) {
    const table = compile(new FrameBytes().addCommon().addFunction({ program }));
    const texts = [0, 1, 2].map((offset) => ruleAt(table, codeAddress + offset));
    assert.deepEqual(texts, [entryRule, at1, at2], name);
    const { unsupportedRows, skippedFunctions } = table.loss;
    assert.equal(unsupportedRows + skippedFunctions > 0, at1 === "none", name);
  }
});

Deno.test("compileUnwindTable() takes a signal's frame for one only where its CIE says so", () => {
  // DW_CFA_def_cfa_expression: rsp + 160, loaded; rip at rsp + 168, rbp at rsp + 120.
  const program = [0x0f, 4, 0x77, 0xa0, 1, 6, 0x10, 16, 3, 0x77, 0xa8, 1, 0x10, 6, 3, 0x77, 0xf8, 0];
  const signal = compile(new FrameBytes().addCommon({ augmentation: "zRS" }).addFunction({ program }));
  assert.deepEqual(findUnwindRule(signal, codeAddress - signal.firstAddress), {
    base: cfaBase.signal,
    cfaOffset: 160,
    cfaOperand: 0,
    returnAddressOffset: 168,
    framePointer: savedFramePointer.onStack,
    framePointerOffset: 120,
  });
  const other = compile(new FrameBytes().addCommon().addFunction({ program }));
  assert.equal(ruleAt(other, codeAddress), "none");
});

Deno.test("compileUnwindTable() sorts functions; the first of two and the inner one of two hold", () => {
  const push = [0x0e, 16];
  const at = (offset: number, bytes: number) => [...u32(codeAddress + offset), ...u32(bytes)];
  const table = compile(
    new FrameBytes().addCommon()
      .addFunction({ pointers: at(0x300, 0x100), program: [0x0e, 32] })
      .addFunction({ pointers: at(0, 0x100) })
      .addFunction({ pointers: at(0, 0x80), program: push })
      .addTerminator()
      .addFunction({ pointers: at(0x40, 0), program: push })
      .addFunction({ pointers: at(0x320, 0x10), program: [0x0e, 48] }),
    new FrameBytes(true).addCommon()
      .addFunction({ pointers: at(0, 0x100), program: push })
      .addFunction({ pointers: at(0x200, 0x10), program: push }),
  );
  const words = (offset: number) => ruleAt(table, codeAddress + offset).split(" ")[0];
  assert.deepEqual([0, 0x7f, 0xff, 0x100].map(words), ["cfa=rsp+8", "cfa=rsp+8", "cfa=rsp+8", "none"]);
  assert.deepEqual([0x200, 0x210, 0x300, 0x31f].map(words), [
    "cfa=rsp+16",
    "none",
    "cfa=rsp+32",
    "cfa=rsp+32",
  ]);
  assert.deepEqual([0x320, 0x32f, 0x330, 0x3ff].map(words), ["cfa=rsp+48", "cfa=rsp+48", "none", "none"]);
  assert.equal(table.loss.skippedFunctions, 2);
});

Deno.test("compileUnwindTable() counts functions that are broken and keeps the others", () => {
  const frames = new FrameBytes().addCommon().addFunction();
  const broken: Parameters<FrameBytes["addFunction"]>[0][] = [
    { commonPointer: 0x7fffffff },
    { commonPointer: 5 },
    { pointers: [...u32(0x1000), ...u32(16)] },
    // Augmentation data of 65,535 bytes.
    { pointers: [...u32(codeAddress + 0x200), ...u32(16), 0xff, 0xff, 0x03] },
  ];
  for (const entry of broken) frames.addFunction(entry);
  const table = compile(frames);
  assert.equal(ruleAt(table, codeAddress), entryRule);
  assert.equal(table.loss.skippedFunctions, broken.length);
  const cut = new FrameBytes().addCommon().addFunction();
  cut.bytes.push(...u32(100), 0, 0);
  assert.notEqual(compile(cut).loss.cutReason, "");
});

Deno.test("compileUnwindTable() gives the reason when there is no table", () => {
  const reasonOf = (...parameters: Parameters<typeof compileUnwindTable>) => {
    const table = compileUnwindTable(...parameters);
    return "reason" in table ? table.reason : "";
  };
  const { source, elf } = makeFrameFile(new FrameBytes().addCommon());
  assert.match(reasonOf(source, { ...elf, machine: 183 }), /183/);
  assert.match(reasonOf(source, { ...elf, segments: [] }), /segments/);
  assert.match(reasonOf(source, { ...elf, sections: [] }), /no unwind information/);
  assert.match(reasonOf(source, elf), /no functions/);
});

Deno.test("compileUnwindTable() finds .eh_frame by its header when a file has no section headers", () => {
  const bytes = Deno.readFileSync("/lib/x86_64-linux-gnu/libc.so.6");
  const source = new MemorySource(bytes);
  const elf = parseElf(source)!;
  const whole = compileUnwindTable(source, elf);
  assert.deepEqual(compileUnwindTable(source, { ...elf, sections: [] }), whole);
});

Deno.test("compileUnwindTable() leaves Go's code to frame pointers", () => {
  const frames = new FrameBytes(true).addCommon().addFunction();
  const { source, elf } = makeFrameFile(frames);
  const go = [...elf.sections, { ...elf.sections[0]!, name: ".gopclntab" }];
  assert.deepEqual(compileUnwindTable(source, { ...elf, sections: go }), { reason: "no unwind information" });
  assert.ok("rows" in compileUnwindTable(source, elf));
});
