import assert from "node:assert/strict";
import { Kallsyms, showsKernelAddresses } from "./kallsyms.ts";

const text = `ffffffff81000000 T _stext
ffffffff81000000 T _text
ffffffff81000100 t __pfx_do_work
ffffffff81000110 t do_work
ffffffff81000200 T __do_work_alias
ffffffff81000300 D some_data
ffffffff81000400 W weak_one
0000000000000010 A fixed
ffffffff82000000 R __end_rodata
ffffffffc0000000 t nft_do_chain\t[nf_tables]
ffffffffc0000050 t other	[nf_tables]
`;

function parse(whole: string, pieceBytes = 7): Kallsyms | undefined {
  const bytes = new TextEncoder().encode(whole);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) pieces.push(bytes.subarray(at, at + pieceBytes));
  return Kallsyms.parse(pieces);
}

Deno.test("Kallsyms.find() names code only, with its module, and never beyond data or far away", () => {
  const kallsyms = parse(text)!;
  const expected: [number, string | undefined, string?][] = [
    [0xffff80ffffff, undefined],
    [0xffff81000000, "_stext", ""],
    [0xffff81000115, "do_work", ""],
    [0xffff81000210, "__do_work_alias", ""],
    [0xffff81000300, undefined],
    [0xffff810003ff, undefined],
    [0xffff81000401, "weak_one", ""],
    [0xffff81900000, undefined],
    [0xffffc0000001, "nft_do_chain", "[nf_tables]"],
    [0xffffc0000051, "other", "[nf_tables]"],
    [0xffffc0900000, undefined],
  ];
  for (const [address, name, module] of expected) {
    const symbol = kallsyms.find(address);
    assert.deepEqual([symbol?.name, symbol?.module], [name, module], address.toString(16));
  }
});

Deno.test("Kallsyms.parse() gives the same whatever pieces the file comes in", () => {
  for (const pieceBytes of [1, 2, 13, 64, 100_000]) {
    const kallsyms = parse(text, pieceBytes)!;
    assert.equal(kallsyms.size, parse(text)!.size);
    assert.equal(kallsyms.find(0xffff81000115)?.name, "do_work");
  }
});

Deno.test("Kallsyms.parse() is undefined when the kernel hides its addresses", () => {
  assert.equal(parse(text.replaceAll(/^f{8}\w{8}/gm, "0".repeat(16))), undefined);
  assert.equal(parse(""), undefined);
});

Deno.test("showsKernelAddresses() tells hidden addresses from those that begin with per-CPU data", async () => {
  const path = await Deno.makeTempFile({ prefix: "stakeout-kallsyms-" });
  try {
    const perCpu = Array.from(
      { length: 200 },
      (_, at) => `${at.toString(16).padStart(13, "0")}000 A cpu_data_${at}`,
    );
    for (const shown of [`${perCpu.join("\n")}\n${text}`, text]) {
      Deno.writeTextFileSync(path, shown);
      assert.equal(showsKernelAddresses(path), true);
      Deno.writeTextFileSync(path, shown.replaceAll(/^\w{16}/gm, "0".repeat(16)));
      assert.equal(showsKernelAddresses(path), false);
    }
  } finally {
    Deno.removeSync(path);
  }
});
