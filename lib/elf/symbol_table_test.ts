import assert from "node:assert/strict";
import { buildProgram, readOutput } from "../../tests/programs/names_build.ts";
import { MemorySource } from "../bytes/memory_source.ts";
import { openInOwnRoot } from "../sys/open_in_root.ts";
import { findDebugFile } from "./debug_file.ts";
import { parseElf, toModuleAddress } from "./elf.ts";
import { SymbolTable } from "./symbol_table.ts";

interface NmSymbol {
  name: string;
  start: number;
  size: number;
}

/** The functions of a file as binutils' nm lists them. */
async function listWithNm(path: string, dynamic: boolean): Promise<NmSymbol[]> {
  const text = await readOutput("nm", ["--defined-only", "--print-size", ...(dynamic ? ["-D"] : []), path]);
  return text.split("\n").flatMap((line) => {
    const match = /^([0-9a-f]+) (?:([0-9a-f]+) )?[tTwWi] (.*?)(?:@.*)?$/.exec(line);
    return match === null
      ? []
      : [{ name: match[3]!, start: parseInt(match[1]!, 16), size: parseInt(match[2] ?? "0", 16) }];
  });
}

function openSymbols(path: string) {
  const source = openInOwnRoot(path)!;
  const elf = parseElf(source)!;
  return { source, elf, table: new SymbolTable([{ source, elf }]) };
}

/** Every second, last and following byte of every function must have a name that nm gives it too, or none if nm has none. */
function compareWithNm(table: SymbolTable, symbols: NmSymbol[]): number {
  const sized = symbols.filter(({ size }) => size > 0).sort((left, right) => left.start - right.start);
  let compared = 0;
  for (const { start, size } of sized) {
    for (const address of [start, start + Math.min(1, size - 1), start + size - 1, start + size]) {
      const covering = namesAt(sized, address);
      const unsized = symbols.filter((symbol) => symbol.size === 0 && symbol.start === address);
      const found = table.find(address)?.replace(/@.*/, "");
      if (found === undefined) assert.equal(covering.size, 0, `${address.toString(16)} has no name`);
      else {
        assert.ok(
          covering.has(found) || unsized.some(({ name }) => name === found),
          `${address.toString(16)} ${found}`,
        );
      }
      compared++;
    }
  }
  return compared;
}

function namesAt(sorted: NmSymbol[], address: number): Set<string> {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]!.start <= address) low = middle + 1;
    else high = middle;
  }
  const near = sorted.slice(Math.max(0, low - 200), low);
  return new Set(near.filter(({ start, size }) => address < start + size).map(({ name }) => name));
}

Deno.test("SymbolTable agrees with nm when a library has only dynamic symbols", async () => {
  const path = /\S+libc\.so\.6$/m.exec(await Deno.readTextFile("/proc/self/maps"))![0];
  const { source, table } = openSymbols(path);
  assert.ok(compareWithNm(table, await listWithNm(path, true)) > 5000);
  source.close();
});

Deno.test("SymbolTable agrees with nm when a program has local, static and C++ symbols", async () => {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-elf-" });
  try {
    for (const [source, flags] of [["names_mangled.cc", ["-O1"]], ["names_pause.c", ["-static"]]] as const) {
      await buildProgram(source, `${folder}/program`, [...flags]);
      const opened = openSymbols(`${folder}/program`);
      assert.ok(compareWithNm(opened.table, await listWithNm(`${folder}/program`, false)) > 50);
      opened.source.close();
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("parseElf() finds the build ID and segments that readelf finds", async () => {
  const { source, elf } = openSymbols("/bin/bash");
  const notes = await readOutput("readelf", ["-n", "-W", "/bin/bash"]);
  assert.equal(elf.buildId, /Build ID: ([0-9a-f]+)/.exec(notes)![1]);
  const headers = await readOutput("readelf", ["-l", "-W", "/bin/bash"]);
  for (const [, offset, address, bytes] of headers.matchAll(/LOAD +0x(\w+) 0x(\w+) 0x\w+ 0x(\w+)/g)) {
    const last = parseInt(bytes!, 16) - 1;
    assert.equal(toModuleAddress(elf, parseInt(offset!, 16) + last), parseInt(address!, 16) + last);
  }
  assert.equal(toModuleAddress(elf, 2 ** 40), undefined);
  source.close();
});

Deno.test("findDebugFile() takes a file with the same build ID and no other", async () => {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-debug-" });
  try {
    const [whole, stripped] = [`${folder}/whole`, `${folder}/stripped`];
    await buildProgram("names_target.c", whole, ["-g", "-Wl,--build-id=sha1"]);
    await readOutput("objcopy", ["--strip-all", whole, stripped]);
    const { source, elf, table } = openSymbols(stripped);
    const address = (await listWithNm(whole, false)).find(({ name }) => name === "hidden_leaf")!.start;
    assert.equal(table.find(address), undefined);
    const asked: string[] = [];
    // The first place has another file of this name, which must not hide the second's.
    const debug = findDebugFile(stripped, elf, [() => openInOwnRoot("/bin/bash"), (path) => {
      asked.push(path);
      return openInOwnRoot(path.startsWith("/usr/lib/debug/.build-id/") ? whole : path);
    }]);
    assert.deepEqual(asked, [
      `/usr/lib/debug/.build-id/${elf.buildId.slice(0, 2)}/${elf.buildId.slice(2)}.debug`,
    ]);
    assert.equal(new SymbolTable([{ source, elf }, debug!]).find(address), "hidden_leaf");
    debug!.source.close();
    assert.equal(findDebugFile(stripped, elf, [() => openInOwnRoot("/bin/bash")]), undefined);
    source.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("findDebugFile() compares the debug link's checksum when there is no build ID", async () => {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-debug-" });
  try {
    const [whole, debugFile, stripped] = [`${folder}/whole`, `${folder}/whole.debug`, `${folder}/stripped`];
    await buildProgram("names_target.c", whole, ["-g", "-Wl,--build-id=none"]);
    await readOutput("objcopy", ["--only-keep-debug", whole, debugFile]);
    await readOutput("objcopy", ["--strip-all", `--add-gnu-debuglink=${debugFile}`, whole, stripped]);
    const { source, elf } = openSymbols(stripped);
    assert.deepEqual([elf.buildId, elf.debugLink?.fileName], ["", "whole.debug"]);
    const debug = findDebugFile(stripped, elf, [openInOwnRoot])!;
    const address = (await listWithNm(whole, false)).find(({ name }) => name === "hidden_leaf")!.start;
    assert.equal(new SymbolTable([{ source, elf }, debug]).find(address + 1), "hidden_leaf");
    debug.source.close();
    const changed = await Deno.readFile(debugFile);
    changed[changed.length - 1]! ^= 1;
    await Deno.writeFile(debugFile, changed);
    assert.equal(findDebugFile(stripped, elf, [openInOwnRoot]), undefined);
    source.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("parseElf() refuses what is not a 64-bit little-endian ELF file", () => {
  for (const text of ["", "\x7fELF", "#!/bin/sh\n", "\x7fELF\x01\x01"]) {
    assert.equal(parseElf(new MemorySource(new TextEncoder().encode(text))), undefined);
  }
});

Deno.test("SymbolTable keeps nested, unsized and equal symbols apart", () => {
  const table = makeTable([
    { address: 100, size: 100, name: "outer", binding: 1 },
    { address: 120, size: 10, name: "inner", binding: 0 },
    { address: 150, size: 0, name: "label_inside", binding: 0 },
    { address: 300, size: 0, name: "unsized", binding: 1 },
    { address: 400, size: 8, name: "weak", binding: 2 },
    { address: 400, size: 8, name: "global", binding: 1 },
    { address: 400, size: 8, name: "local", binding: 0 },
  ]);
  const expected: [number, string | undefined][] = [
    [99, undefined],
    [100, "outer"],
    [120, "inner"],
    [129, "inner"],
    [130, "outer"],
    [150, "outer"],
    [199, "outer"],
    [200, undefined],
    [300, "unsized"],
    [301, undefined],
    [407, "global"],
    [408, undefined],
  ];
  for (const [address, name] of expected) assert.equal(table.find(address), name, String(address));
});

function makeTable(symbols: { address: number; size: number; name: string; binding: number }[]): SymbolTable {
  const strings = new TextEncoder().encode("\0" + symbols.map(({ name }) => name + "\0").join(""));
  const bytes = new Uint8Array(symbols.length * 24 + strings.length);
  const view = new DataView(bytes.buffer);
  let nameOffset = 1;
  symbols.forEach(({ address, size, name, binding }, index) => {
    view.setUint32(index * 24, nameOffset, true);
    view.setUint8(index * 24 + 4, binding * 16 + 2);
    view.setUint16(index * 24 + 6, 0, true);
    view.setBigUint64(index * 24 + 8, BigInt(address), true);
    view.setBigUint64(index * 24 + 16, BigInt(size), true);
    nameOffset += name.length + 1;
  });
  bytes.set(strings, symbols.length * 24);
  const common = { executable: true, compressed: false, address: 0, link: 2, entryBytes: 24 };
  const sections = [
    { ...common, name: ".text", type: 1, fileOffset: 0, sizeBytes: 0 },
    { ...common, name: ".symtab", type: 2, fileOffset: 0, sizeBytes: symbols.length * 24 },
    { ...common, name: ".strtab", type: 3, fileOffset: symbols.length * 24, sizeBytes: strings.length },
  ];
  const elf = {
    machine: 62,
    segments: [],
    frameHeader: undefined,
    sections,
    buildId: "",
    buildIdOffset: 0,
    debugLink: undefined,
  };
  return new SymbolTable([{ source: new MemorySource(bytes), elf }]);
}
