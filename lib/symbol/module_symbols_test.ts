import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { buildProgram, readOutput } from "../../tests/programs/names_build.ts";
import { type DebugFile, findDebugFile } from "../elf/debug_file.ts";
import { parseElf } from "../elf/elf.ts";
import { openInOwnRoot } from "../sys/open_in_root.ts";
import { ModuleSymbols } from "./module_symbols.ts";

const strippedGo = fileURLToPath(
  new URL("../../.tools/node_modules/@bufbuild/buf-linux-x64/bin/buf", import.meta.url),
);

function open(path: string, findDebug: () => DebugFile | undefined = () => undefined) {
  const file = openInOwnRoot(path)!;
  const elf = parseElf(file)!;
  const symbols = new ModuleSymbols(file, elf, {
    memory: { leftBytes: 1 << 26 },
    findDebugFile: findDebug,
  });
  return { elf, symbols, close: () => (symbols.close(), file.close()) };
}

Deno.test("ModuleSymbols takes names and lines from a debug file, also one that comes later", async () => {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-module-" });
  try {
    const path = `${folder}/target`;
    await buildProgram("names_target.c", path, ["-O1", "-g", "-Wl,--build-id=sha1"]);
    const nm = await readOutput("nm", [path]);
    const address = parseInt(/^([0-9a-f]+) t hidden_leaf$/m.exec(nm)![1]!, 16);
    const place = (await readOutput("addr2line", ["-e", path, address.toString(16)])).trim();
    await readOutput("objcopy", ["--only-keep-debug", path, `${folder}/target.debug`]);
    await readOutput("objcopy", [
      ...["--strip-all", `--add-gnu-debuglink=${folder}/target.debug`, path],
    ]);
    let there = false;
    const { elf, symbols, close } = open(
      path,
      () => there ? findDebugFile(path, elf, [openInOwnRoot]) : undefined,
    );
    assert.deepEqual([symbols.nameAt(address), symbols.findFrames(address)], ["", undefined]);
    assert.ok(symbols.wantsDebugFile);
    there = true;
    symbols.retryDebugFile();
    assert.equal(symbols.nameAt(address), "hidden_leaf");
    const [frame] = symbols.findFrames(address)!;
    assert.equal(`${frame!.file}:${frame!.line}`, place);
    assert.ok(!symbols.wantsDebugFile);
    close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("ModuleSymbols names a stripped Go program from its own table and wants no debug file", () => {
  const { elf, symbols, close } = open(strippedGo);
  const { address } = elf.sections.find(({ name }) => name === ".text")!;
  const names = new Set<string>();
  for (let at = address; at < address + 200_000; at += 64) {
    const name = symbols.nameAt(at);
    assert.equal(symbols.findFrames(at)!.at(-1)!.function, name);
    names.add(name);
  }
  assert.ok(names.size > 100 && !names.has(""), `${names.size} names`);
  assert.equal(symbols.nameAt(address - 1), "");
  assert.ok(!symbols.wantsDebugFile);
  close();
});
