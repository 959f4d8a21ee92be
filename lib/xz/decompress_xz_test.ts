import assert from "node:assert/strict";
import { decompressXz } from "./decompress_xz.ts";

const generous = { outputBytes: 64 * 1024 * 1024, ratio: 100_000 };

/** What the xz tool makes of these bytes. */
async function compress(bytes: Uint8Array<ArrayBuffer>, ...args: string[]): Promise<Uint8Array<ArrayBuffer>> {
  const child = new Deno.Command("xz", {
    args: ["--stdout", ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  void writer.write(bytes).then(() => writer.close());
  const { stdout } = await child.output();
  return stdout;
}

function noise(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

Deno.test("decompressXz() gives back what xz compressed, at every setting and for all kinds of bytes", async () => {
  const library = /\S+libc\.so\.6$/m.exec(await Deno.readTextFile("/proc/self/maps"))![0];
  const inputs = {
    program: (await Deno.readFile(library)).subarray(0, 400_009),
    text: new TextEncoder().encode(JSON.stringify(Deno.version).repeat(4001)),
    noise: noise(200_003),
    zeros: new Uint8Array(500_009),
    one: new Uint8Array([7]),
    empty: new Uint8Array(),
  };
  const settings = [
    ["-6"],
    ["-0", "--check=crc32"],
    ["-9e", "--check=none"],
    ["-1", "--check=sha256", "--block-size=65536"],
    ["--lzma2=lc=1,lp=3,pb=4,dict=64KiB"],
    ["--lzma2=lc=0,lp=0,pb=0,nice=273"],
  ];
  for (const [name, bytes] of Object.entries(inputs)) {
    for (const args of settings) {
      const output = decompressXz(await compress(bytes, ...args), generous);
      assert.ok(output !== undefined, `${name} ${args}`);
      assert.equal(firstDifference(output, bytes), 0, `${name} ${args}`);
    }
  }
});

function firstDifference(one: Uint8Array, two: Uint8Array): number {
  if (one.length !== two.length) return 1;
  return one.findIndex((byte, index) => byte !== two[index]) + 1;
}

Deno.test("decompressXz() refuses what is beyond its limits, cut or changed", async () => {
  const zeros = await compress(new Uint8Array(1_000_003));
  assert.equal(decompressXz(zeros, { outputBytes: 1_000_002, ratio: 1e6 }), undefined);
  assert.equal(decompressXz(zeros, { outputBytes: 1e9, ratio: 100 }), undefined);
  assert.equal(decompressXz(zeros, { outputBytes: 1_000_003, ratio: 1e6 })?.length, 1_000_003);
  const packed = await compress(noise(50));
  for (let length = 0; length < packed.length - 20; length++) {
    assert.equal(decompressXz(packed.subarray(0, length), generous), undefined, `cut at ${length}`);
  }
  for (let at = 0; at < 80; at++) {
    const changed = packed.slice();
    changed[at]! ^= 0x11;
    const output = decompressXz(changed, generous);
    // Padding and the size fields of the chunk may be changed without anybody's noticing, never the bytes.
    if (output !== undefined) assert.deepEqual(output, decompressXz(packed, generous), `changed at ${at}`);
  }
});

Deno.test("decompressXz() refuses filters other than LZMA2", async () => {
  const packed = await compress(noise(1000), "--x86", "--lzma2");
  assert.equal(decompressXz(packed, generous), undefined);
});
