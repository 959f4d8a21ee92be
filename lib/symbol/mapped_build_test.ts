import assert from "node:assert/strict";
import { parseElf } from "../elf/elf.ts";
import { parseMaps, readMapsText } from "../procfs/maps.ts";
import { openInOwnRoot } from "../sys/open_in_root.ts";
import { findBias, isMappedBuild } from "./mapped_build.ts";

Deno.test("isMappedBuild() tells a file that a process runs from another one", async () => {
  const mappings = parseMaps(await readMapsText(Deno.pid)).filter(({ executable, path }) =>
    executable && path.startsWith("/")
  );
  assert.ok(mappings.length > 1);
  let told = 0;
  for (const mapping of mappings) {
    const file = openInOwnRoot(mapping.path)!;
    const elf = parseElf(file)!;
    file.close();
    assert.equal(isMappedBuild(Deno.pid, mapping, elf), true, mapping.path);
    const other = { ...elf, buildId: elf.buildId.replace(/^./, (digit) => digit === "0" ? "1" : "0") };
    if (!isMappedBuild(Deno.pid, mapping, other)) told++;
    assert.equal(isMappedBuild(2 ** 30, mapping, other), true);
  }
  // All but V8's further mappings of its built-in functions, one an isolate.
  assert.ok(told > 2, `${told} of ${mappings.length}`);
});

Deno.test("findBias() tells how far a mapping is from the module, of segments that begin within a page too", () => {
  const outline = {
    segments: [
      { fileOffset: 0, fileBytes: 0x1800, address: 0x400000 },
      { fileOffset: 0x1e90, fileBytes: 0x2000, address: 0x402e90 },
    ],
    ...{ buildId: "", buildIdOffset: 0 },
  };
  const mapping = {
    ...{ deviceMajor: 0, deviceMinor: 0, inode: 1, path: "/x", executable: true, deleted: false },
  };
  for (const [offset, expected] of [[0, 0x7000_0000 - 0x400000], [0x2000, 0x7000_0000 - 0x403000]] as const) {
    assert.equal(findBias({ ...mapping, start: 0x7000_0000, end: 0x7000_1000, offset }, outline), expected);
  }
  assert.equal(findBias({ ...mapping, start: 0, end: 4096, offset: 0x9000 }, outline), undefined);
});
