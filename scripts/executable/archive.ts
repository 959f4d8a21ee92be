/** Puts what the build made, and the program reads, into one file. */
import type { BuildInfo } from "../../src/model/build_info.ts";
import { repositoryRoot } from "../command.ts";
import { listFiles } from "../files.ts";

/** The one file of a package that is packed as it is. */
export const demangler = "node_modules/gecko-profiler-demangle/index_bg.wasm";

/**
 * The archive that `src/packed/built_file.ts` reads.
 *
 * Shape: u64 length of the header, little-endian; the header, JSON of {name: [offset, bytes]}; the files, where the offsets count
 * from.
 */
export async function makeArchive(program: Uint8Array, buildInfo: BuildInfo): Promise<Uint8Array> {
  const files = new Map<string, Uint8Array>([
    ["program.js", program],
    ["build.json", new TextEncoder().encode(JSON.stringify(buildInfo))],
  ]);
  const built = [
    "build/libbpf.so",
    ...await listFiles("build/bpf", /\.bpf\.o$/),
    ...await listFiles("build/ui", /./),
  ];
  for (const path of built) {
    files.set(path.slice("build/".length), await Deno.readFile(`${repositoryRoot}/${path}`));
  }
  files.set("demangle.wasm", await Deno.readFile(`${repositoryRoot}/${demangler}`));

  const index: Record<string, [number, number]> = {};
  let offset = 0;
  for (const [name, { length }] of files) {
    index[name] = [offset, length];
    offset += length;
  }
  const header = new TextEncoder().encode(JSON.stringify(index));
  const length = new BigUint64Array([BigInt(header.length)]);
  return new Uint8Array(
    await new Blob([length, header, ...files.values() as Iterable<Uint8Array<ArrayBuffer>>]).arrayBuffer(),
  );
}
