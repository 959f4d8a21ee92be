import assert from "node:assert/strict";
import { buildProgram, readOutput, sampleAddresses } from "../../tests/programs/names_build.ts";
import { symbolizeWithLlvm } from "../../tests/support/symbolize_with_llvm.ts";
import { parseElf } from "../elf/elf.ts";
import { openInOwnRoot } from "../sys/open_in_root.ts";
import type { SourceFrame } from "../symbol/source_frame.ts";
import { Dwarf } from "./dwarf.ts";

const count = 503;

/** Names of a program's functions by address, and addresses spread over them. */
async function listFunctions(path: string) {
  const nm = await readOutput("nm", ["--defined-only", "--print-size", path]);
  const functions = [...nm.matchAll(/^([0-9a-f]+) ([0-9a-f]+) [tTwW] (\S+)$/gm)].map((
    [, start, size, name],
  ) => ({
    start: parseInt(start!, 16),
    size: parseInt(size!, 16),
    name: name!,
  }));
  return { functions, addresses: sampleAddresses(functions, count) };
}

function findAll(path: string, addresses: readonly number[]): (SourceFrame[] | undefined)[] {
  const source = openInOwnRoot(path)!;
  try {
    const dwarf = Dwarf.open(source, parseElf(source)!, { memory: { leftBytes: 1 << 26 } })!;
    return addresses.map((address) => dwarf.findFrames(address));
  } finally {
    source.close();
  }
}

/** The outermost name may be the linker's in their answer, one of several for the same code: it is compared by its code. */
function isEqual(
  ours: readonly SourceFrame[] | undefined,
  theirs: readonly SourceFrame[],
  names: (name: string) => number | undefined,
): boolean {
  if (ours === undefined) return theirs[0]!.file === "";
  return ours.length === theirs.length && ours.every(({ function: name, file, line }, level) => {
    const other = theirs[level]!;
    const same = name === other.function || (level === ours.length - 1 &&
      (names(name) === undefined || names(name) === names(other.function) ||
        other.function.startsWith(`${name}.`)));
    return same && file === other.file && line === other.line;
  });
}

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-dwarf-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const builds: Record<string, { source: string; flags: string[]; compiler?: string; compress?: string }> = {
  "g++, version 5": { source: "names_mangled.cc", flags: ["-g", "-O2"] },
  "g++, version 4, a section a function": {
    source: "names_mangled.cc",
    flags: ["-gdwarf-4", "-O2", "-ffunction-sections"],
  },
  "g++, zlib": { source: "names_mangled.cc", flags: ["-g", "-O1", "-gz"] },
  "g++, zstd": { source: "names_mangled.cc", flags: ["-g", "-O3"], compress: "zstd" },
  "clang++, version 5": {
    source: "names_mangled.cc",
    flags: ["-g", "-O2", "-std=c++17"],
    compiler: "clang++",
  },
  "clang, version 4": { source: "names_inlined.c", flags: ["-gdwarf-4", "-O2"], compiler: "clang" },
  "gcc": { source: "names_inlined.c", flags: ["-g", "-O2"] },
};

for (const [name, { source, flags, compiler, compress }] of Object.entries(builds)) {
  Deno.test(`Dwarf agrees with LLVM on lines and inlined functions: ${name}`, () =>
    withFolder(async (folder) => {
      const path = `${folder}/program`;
      await buildProgram(source, path, flags, compiler);
      const { functions, addresses } = await listFunctions(path);
      const starts = new Map(functions.map(({ name, start }) => [name, start]));
      const theirs = await symbolizeWithLlvm(path, addresses);
      // LLVM 14 does not know zstd.
      if (compress) await readOutput("objcopy", [`--compress-debug-sections=${compress}`, path]);
      const ours = findAll(path, addresses);
      const equal = ours.filter((frames, index) =>
        isEqual(frames, theirs[index]!, (name) => starts.get(name))
      );
      assert.ok(equal.length >= count * 0.99, `${equal.length} of ${count} equal`);
      const inlined = theirs.filter((frames) => frames.length > 1).length;
      assert.ok(inlined > count / 10, `${inlined} inlined`);
    }));
}

Deno.test("Dwarf agrees with binutils on lines and inlined functions", () =>
  withFolder(async (folder) => {
    const path = `${folder}/program`;
    await buildProgram("names_mangled.cc", path, ["-g", "-O2"]);
    const { functions, addresses } = await listFunctions(path);
    const asked = addresses.map((address) => address.toString(16));
    const text = await readOutput("addr2line", ["-a", "-i", "-f", "-e", path, ...asked]);
    const theirs = text.split(/^0x[0-9a-f]+\n/m).slice(1);
    const ours = findAll(path, addresses);
    const starts = new Map(functions.map(({ name, start }) => [name, start]));
    const equal = theirs.filter((text, index) => {
      const lines = text.trim().split("\n").map((line) => line.replace(/ \(discriminator \d+\)$/, ""));
      const frames: SourceFrame[] = [];
      for (let at = 0; at < lines.length; at += 2) {
        const [, file, line] = /^(.*):(\d+|\?)$/.exec(lines[at + 1]!)!;
        frames.push({ function: lines[at]!, file: file === "??" ? "" : file!, line: Number(line) || 0 });
      }
      return isEqual(ours[index], frames, (name) => starts.get(name));
    });
    assert.ok(equal.length >= count * 0.99, `${equal.length} of ${count} equal`);
  }));

Deno.test("Dwarf knows nothing more when its steps or its memory are used up", () =>
  withFolder(async (folder) => {
    const path = `${folder}/program`;
    await buildProgram("names_mangled.cc", path, ["-g", "-O2", "-gz"]);
    const { addresses } = await listFunctions(path);
    const source = openInOwnRoot(path)!;
    const elf = parseElf(source)!;
    for (const [steps, leftBytes] of [[1000, 1 << 26], [1e9, 1000]] as const) {
      const dwarf = Dwarf.open(source, elf, { steps, memory: { leftBytes } })!;
      assert.ok(addresses.every((address) => dwarf.findFrames(address) === undefined));
    }
    source.close();
  }));
