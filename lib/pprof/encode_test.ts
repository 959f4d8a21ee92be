import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { encodePprof, type PprofProfile } from "./encode.ts";

const frames = {
  main: { function: "main", file: "/usr/bin/shop", address: 0x1000n },
  pay: { function: "shop::pay(int)", file: "/usr/bin/shop", address: 0x2000n },
  read: { function: "vfs_read", file: "[kernel]", address: 0xffffffff81234567n },
  unknown: { function: "", file: "/usr/lib/libc.so.6", address: 0x3333n },
};
const profile: PprofProfile = {
  sampleTypes: [{ type: "samples", unit: "count" }, { type: "cpu", unit: "nanoseconds" }],
  samples: [
    { frames: [frames.pay, frames.main], values: [23, 23 * 10_101_010], labels: { thread: "worker" } },
    { frames: [frames.read, { ...frames.pay }, frames.main], values: [7, 7n * 10_101_010n] },
    { frames: [frames.unknown, frames.main], values: [1, 2 ** 40] },
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
    assert.match(top, /Duration: 10s, Total samples = 31/);
    assert.match(top, /^ +23 .* +30 96\.77% +shop::pay\(int\)$/m);
    assert.match(top, /^ +7 .* vfs_read$/m);
    assert.match(top, /^ +0 .* +31 +100% +main$/m);
    const raw = await pprof("-raw");
    assert.match(raw, /samples\/count cpu\/nanoseconds/);
    assert.match(raw, /23 +232323230: /);
    assert.match(raw, /1 1099511627776: /);
    assert.match(raw, /thread:\[worker\]/);
    assert.match(raw, /0xffffffff81234567 M=\d vfs_read/);
    assert.match(raw, /0x3333 M=\d *$/m);
    assert.match(raw, /\/usr\/bin\/shop abcdef0123456789 \[FN\]/);
    assert.equal(raw.match(/^ +\d+: 0x[0-9a-f]+ M=/gm)!.length, 4);
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
