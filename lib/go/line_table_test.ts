import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { readOutput, sampleAddresses } from "../../tests/programs/names_build.ts";
import { symbolizeWithLlvm } from "../../tests/support/symbolize_with_llvm.ts";
import { parseElf } from "../elf/elf.ts";
import { openInOwnRoot } from "../sys/open_in_root.ts";
import type { SourceFrame } from "../symbol/source_frame.ts";
import { GoLineTable } from "./line_table.ts";

const program = fileURLToPath(new URL("../../tests/programs/names_go.go", import.meta.url));
/** A stripped Go program of a newer version than Debian's Go makes. */
const newer = fileURLToPath(
  new URL("../../.tools/node_modules/@bufbuild/buf-linux-x64/bin/buf", import.meta.url),
);

async function build(output: string, ...flags: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("go", {
    args: ["build", "-o", output, ...flags, program],
    env: { GO111MODULE: "off", GOFLAGS: "" },
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

/** A symbol's name as the line table has it: without ABI, type arguments cut. */
function shorten(symbol: string): string {
  return symbol.replace(/\.abi0$/, "").replace(/\[.*\]/, "[...]");
}

function formatFrames(frames: readonly SourceFrame[]): string {
  return frames.map(({ function: name, file, line }) =>
    `${shorten(name)} ${file.replace(/^\.\//, "")}:${line}`
  ).join(" < ");
}

function readTable(path: string): GoLineTable {
  const source = openInOwnRoot(path)!;
  return GoLineTable.read(source, parseElf(source)!)!;
}

Deno.test("GoLineTable of a stripped program agrees with nm and with DWARF of the whole one", async () => {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-go-" });
  try {
    const [whole, stripped] = [`${folder}/whole`, `${folder}/stripped`];
    await build(whole);
    await build(stripped, "-ldflags=-s -w");
    const table = readTable(stripped);
    const nm = await readOutput("go", ["tool", "nm", "-size", whole]);
    const functions = [...nm.matchAll(/^ *([0-9a-f]+) +(\d+) [Tt] (.+)$/gm)]
      .map(([, start, size, name]) => ({
        start: parseInt(start!, 16),
        size: Number(size),
        name: shorten(name!),
      }))
      .filter(({ size, name }) => size > 0 && name !== "runtime.etext");
    assert.ok(functions.length > 1000);
    for (const { start, size, name } of functions) {
      for (const address of [start, start + size - 1]) {
        assert.equal(table.nameOf(table.findPosition(address)), name);
      }
    }
    const first = Math.min(...functions.map(({ start }) => start));
    assert.equal(table.findPosition(first - 1), -1);
    assert.equal(table.findFrames(2 ** 40), undefined);

    const addresses = sampleAddresses(functions, 5003);
    const expected = await symbolizeWithLlvm(whole, addresses);
    let equal = 0;
    let inlined = 0;
    addresses.forEach((address, index) => {
      const frames = table.findFrames(address) ?? [];
      if (formatFrames(frames) === formatFrames(expected[index]!)) equal++;
      if (frames.length > 1) inlined++;
    });
    assert.ok(equal >= addresses.length * 0.99, `${equal} of ${addresses.length} equal`);
    assert.ok(inlined > 500, `${inlined} inlined`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

function isAsPrinted(frames: readonly SourceFrame[], printed: readonly string[]): boolean {
  return frames.length === printed.length &&
    frames.every(({ function: name, file, line }, level) =>
      printed[level]!.startsWith(`${shorten(name)}(`) && printed[level]!.endsWith(` ${file}:${line}`)
    );
}

Deno.test("GoLineTable names a newer Go's frames as its own runtime prints them", async () => {
  const child = new Deno.Command(newer, {
    args: ["lsp", "serve"],
    env: { GOTRACEBACK: "system" },
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let text = "";
  for await (const piece of child.stderr.pipeThrough(new TextDecoderStream())) {
    if (!text.includes("LSP server") && (text + piece).includes("LSP server")) child.kill("SIGQUIT");
    text += piece;
  }
  await child.stdin.close();
  await child.status;
  const goroutines = text.split(/^goroutine .*\n/m).slice(1);
  const table = readTable(newer);
  let compared = 0;
  let inlined = 0;
  for (const goroutine of goroutines) {
    let chain: string[] = [];
    for (
      const [, call, place, pc] of goroutine.matchAll(/^(\S.*)\n\t(\S+:\d+)(?:.* pc=0x([0-9a-f]+))?$/gm)
    ) {
      chain.push(`${call} ${place}`);
      if (pc === undefined) continue;
      const written = chain;
      chain = [];
      // A return address but where the goroutine was stopped on its way.
      const frames = [1, 0].map((before) => table.findFrames(parseInt(pc, 16) - before)!)
        .find((found) => isAsPrinted(found, written));
      assert.ok(frames !== undefined, written.join("\n"));
      inlined += frames.length - 1;
      compared++;
    }
  }
  assert.ok(compared > 30 && inlined > 3, `${compared} compared, ${inlined} inlined`);
});
