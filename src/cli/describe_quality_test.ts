import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { StackEnd, StackQualitySchema } from "../gen/stakeout/v1/profile_pb.ts";
import { describeQuality, toQualityRecord } from "./describe_quality.ts";

Deno.test("describeQuality() tells in one line how many stacks are whole, and where and why others are cut", () => {
  const ends = [0n, 9940n, 30n, 0n, 10n, 0n, 0n, 20n];
  const cutIn = ["/usr/lib/libfoo.so", "/b", "/c", "/d"].map((module) => ({
    ...{ module, weight: 1n, end: StackEnd.NO_TABLE },
  }));
  assert.equal(
    describeQuality(create(StackQualitySchema, { ends, cutIn })),
    "99.4 % whole, 0.2 % by frame pointers until tables were ready, " +
      "0.4 % cut (no table: libfoo.so, b, c, …; over 127 frames)",
  );
  assert.equal(describeQuality(create(StackQualitySchema, { ends: [0n, 7n] })), "100 % whole");
  assert.equal(
    describeQuality(create(StackQualitySchema, { ends: [1n, 100_000n] })),
    "99.9 % whole, 0.1 % without a user stack",
  );
  assert.equal(describeQuality(undefined), "none");
});

Deno.test("toQualityRecord() names ends and modules, and leaves out ends that no stack had", () => {
  const cutIn = [{ module: "/usr/lib/libfoo.so", weight: 2n, end: StackEnd.NO_TABLE }];
  const unnamedIn = [{ module: "/b", weight: 3n }];
  const quality = create(StackQualitySchema, { cutIn, unnamedIn });
  quality.ends[StackEnd.WHOLE] = 7n;
  quality.ends[StackEnd.NO_TABLE] = 2n;
  quality.ends[StackEnd.UNSPECIFIED] = 1n;
  assert.deepEqual(toQualityRecord(quality), {
    ends: { whole: 7, no_table: 2, no_user_stack: 1 },
    cutIn: [{ module: "/usr/lib/libfoo.so", stacks: 2, end: "no_table" }],
    unnamedIn: [{ module: "/b", stacks: 3 }],
  });
  assert.deepEqual(toQualityRecord(undefined), { ends: {}, cutIn: [], unnamedIn: [] });
});
