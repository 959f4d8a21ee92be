import assert from "node:assert/strict";
import { parseElf } from "../elf/elf.ts";
import { parseMaps, readMapsText } from "../procfs/maps.ts";
import { openInOwnRoot } from "../sys/open_in_root.ts";
import { isMappedBuild } from "./mapped_build.ts";

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
