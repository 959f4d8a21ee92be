import assert from "node:assert/strict";
import fc from "fast-check";
import { findVariable, layoutText, recordLayouts } from "./layout.ts";
import { BtfKind, parseBtf } from "./parse.ts";

/** BTF of `struct pair_key {u32 left; char text[6]; s16 right[2];}`, `const volatile u32 limit` in .rodata, and a typedef cycle. */
function makeBtf(): Uint8Array<ArrayBuffer> {
  const words: number[] = [];
  let strings = "\0";
  const name = (text: string) => {
    const at = strings.length;
    strings += `${text}\0`;
    return at;
  };
  const type = (text: string, kind: number, count: number, sizeOrType: number, ...tail: number[]) =>
    words.push(text === "" ? 0 : name(text), kind << 24 | count, sizeOrType, ...tail);
  const signed = 1 << 24;
  type("unsigned int", BtfKind.int, 0, 4, 32); // 1
  type("char", BtfKind.int, 0, 1, signed | 8); // 2
  type("short", BtfKind.int, 0, 2, signed | 16); // 3
  type("", BtfKind.array, 0, 0, 2, 1, 6); // 4: char[6]
  type("", BtfKind.array, 0, 0, 3, 1, 2); // 5: short[2]
  type("u32", BtfKind.typedef, 0, 1); // 6
  const fields = [name("left"), 6, 0, name("text"), 4, 32, name("right"), 5, 80];
  type("pair_key", BtfKind.struct, 3, 16, ...fields); // 7
  type("", BtfKind.volatile, 0, 6); // 8
  type("", BtfKind.const, 0, 8); // 9
  type("limit", BtfKind.variable, 0, 9, 1); // 10
  type(".rodata", BtfKind.section, 1, 8, 10, 4, 4); // 11
  type("round", BtfKind.typedef, 0, 12); // 12: itself
  type("round_key", BtfKind.struct, 1, 4, name("field"), 12, 0); // 13
  const stringBytes = new TextEncoder().encode(strings);
  const bytes = new Uint8Array(24 + 4 * words.length + stringBytes.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0xeb9f, true);
  bytes[2] = 1;
  [24, 0, 4 * words.length, 4 * words.length, stringBytes.length].forEach((word, index) =>
    view.setUint32(4 + 4 * index, word, true)
  );
  words.forEach((word, index) => view.setUint32(24 + 4 * index, word, true));
  bytes.set(stringBytes, 24 + 4 * words.length);
  return bytes;
}

const sample = makeBtf();

Deno.test("parseBtf() and recordLayouts() find fields through typedefs, arrays and qualifiers", () => {
  const layouts = recordLayouts(parseBtf(sample), /pair_key$/);
  assert.equal(layouts.length, 1);
  assert.equal(layoutText(layouts[0]!), "16 bytes: left@0:unsigned32 text@4:text8[6] right@10:signed16[2]");
});

Deno.test("findVariable() finds a variable's place in a section of that kind alone", () => {
  const types = parseBtf(sample);
  assert.deepEqual(findVariable(types, "limit", ".rodata"), {
    section: ".rodata",
    offsetBytes: 4,
    sizeBytes: 4,
  });
  assert.equal(findVariable(types, "limit", ".bss"), undefined);
  assert.equal(findVariable(types, "absent", ".rodata"), undefined);
});

Deno.test("recordLayouts() refuses a record of something else than integers, even of a type that never ends", () => {
  assert.throws(() => recordLayouts(parseBtf(sample), /round_key$/), /Cannot lay out round_key\.field/);
});

Deno.test("parseBtf() returns what it could read when the bytes are cut or changed, and never throws", () => {
  const whole = parseBtf(sample).length;
  for (let length = 0; length < sample.length; length++) {
    assert.ok(parseBtf(sample.subarray(0, length)).length <= whole);
  }
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(sample.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 8 }),
      (changes) => {
        const bytes = sample.slice();
        for (const [offset, value] of changes) bytes[offset] = value;
        const types = parseBtf(bytes);
        findVariable(types, "limit", ".rodata");
        try {
          recordLayouts(types, /_key$/);
        } catch (error) {
          assert.ok(error instanceof TypeError);
        }
      },
    ),
    { numRuns: 2000 },
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => parseBtf(bytes).length >= 1));
});

Deno.test({
  name: "parseBtf() reads the running kernel's own types",
  ignore: !hasKernelBtf(),
  fn() {
    const types = parseBtf(Deno.readFileSync("/sys/kernel/btf/vmlinux"));
    const task = types.find(({ kind, name }) => kind === BtfKind.struct && name === "task_struct");
    assert.ok(task!.sizeBytes > 1000);
    assert.ok(task!.members.some(({ name }) => name === "start_boottime"));
    // The last type is whole: the walk did not end early.
    const { members } = types.findLast(({ kind }) => kind === BtfKind.struct)!;
    assert.ok(types.length > 10_000 && members.length > 0);
  },
});

function hasKernelBtf(): boolean {
  try {
    Deno.openSync("/sys/kernel/btf/vmlinux").close();
    return true;
  } catch {
    return false;
  }
}
