import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { encodePprof, type PprofProfile } from "./encode.ts";

const frames = {
  main: { function: "main", file: "/usr/bin/shop", address: 0x1000n },
  pay: { function: "shop::pay(int)", file: "/usr/bin/shop", address: 0x2000n },
  read: { function: "vfs_read", file: "[kernel]", address: 0xffffffff81234567n },
  inlined: {
    ...{ function: "mix", file: "/usr/bin/shop", address: 0x4000n, inlined: true },
    source: { file: "/src/hash.h", line: 23 },
  },
  around: {
    ...{ function: "hash", file: "/usr/bin/shop", address: 0x4000n },
    source: { file: "/src/hash.c", line: 71 },
  },
  unknown: { function: "", file: "/usr/lib/libc.so.6", address: 0x3333n },
};
const profile: PprofProfile = {
  sampleTypes: [{ type: "samples", unit: "count" }, { type: "cpu", unit: "nanoseconds" }],
  samples: [
    { frames: [frames.pay, frames.main], values: [23, 23 * 10_101_010], labels: { thread: "worker" } },
    { frames: [frames.read, { ...frames.pay }, frames.main], values: [7, 7n * 10_101_010n] },
    { frames: [frames.unknown, frames.main], values: [1, 2 ** 40] },
    { frames: [frames.inlined, frames.around, frames.main], values: [11, 11] },
  ],
  periodType: { type: "cpu", unit: "nanoseconds" },
  period: 10_101_010,
  timeNanos: 1_790_000_000_000_000_000n,
  durationNanos: 10_000_000_000n,
  buildIds: { "/usr/bin/shop": "abcdef0123456789" },
  comments: ["policy checkout"],
};

Deno.test("encodePprof() writes what go tool pprof reads", async () => {
  const path = await Deno.makeTempFile({ suffix: ".pb.gz" });
  try {
    await Deno.writeFile(path, await encodePprof(profile));
    async function pprof(...args: string[]): Promise<string> {
      const { success, stdout, stderr } = await new Deno.Command("go", {
        args: ["tool", "pprof", "-symbolize=none", ...args, path],
      }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
      return new TextDecoder().decode(stdout);
    }
    const top = await pprof("-top", "-sample_index=samples");
    assert.match(top, /Duration: 10s, Total samples = 42/);
    assert.match(top, /^ +23 .* +30 71\.43% +shop::pay\(int\)$/m);
    assert.match(top, /^ +7 .* vfs_read$/m);
    assert.match(top, /^ +0 .* +42 +100% +main$/m);
    const raw = await pprof("-raw");
    assert.match(raw, /samples\/count cpu\/nanoseconds/);
    assert.match(raw, /23 +232323230: /);
    assert.match(raw, /1 1099511627776: /);
    assert.match(raw, /thread:\[worker\]/);
    assert.match(raw, /0xffffffff81234567 M=\d vfs_read/);
    assert.match(raw, /0x3333 M=\d *$/m);
    assert.match(raw, /\/usr\/bin\/shop abcdef0123456789 \[FN\]/);
    assert.equal(raw.match(/^ +\d+: 0x[0-9a-f]+ M=/gm)!.length, 5);
    assert.match(raw, /0x4000 M=\d mix \/src\/hash\.h:23.*\n\s+hash \/src\/hash\.c:71/);
    assert.match(
      await pprof("-top", "-lines", "-sample_index=samples"),
      /11 .* mix \/src\/hash\.h:23 \(inline\)/,
    );
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("encodePprof() writes a profile without samples", async () => {
  const bytes = await encodePprof({
    sampleTypes: [{ type: "samples", unit: "count" }],
    samples: [],
    timeNanos: 0n,
    durationNanos: 0n,
  });
  // sample_type {1, 2}, then the strings "", "samples", "count".
  assert.equal(gunzipSync(bytes).toString("hex"), "0a04080110023200320773616d706c65733205636f756e74");
});
