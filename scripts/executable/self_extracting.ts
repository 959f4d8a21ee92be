/** The executable for build hosts that reach npm and Debian only: a launcher in C with the runtime behind it. */
import { createHash } from "node:crypto";
import { constants, zstdCompressSync } from "node:zlib";
import { repositoryRoot, runCommand } from "../command.ts";
import { listFiles } from "../files.ts";
import { readLinkedFiles } from "../supply_chain/linked_files.ts";
import { v8Flags } from "./runtime_flags.ts";

/** 36 MB for Deno's 95 in 7 s; level 17 would save 2 MB more for another minute. */
const compressionLevel = 12;
const entryBytes = 64;
const trailerBytes = 32;
const loader = "/lib64/ld-linux-x86-64.so.2";
/** What the runtime is linked with; the C loader takes these and looks for no other. */
const libraries = ["libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libgcc_s.so.1"];
const launcherInputs = `${repositoryRoot}/build/inputs/launcher.d`;

/** What is told to those who get the executable, as the C loader's licence asks. */
export const loaderChange =
  "The C loader of libc6 looks for /etc/ld.so.preload at /proc/self/fd/none instead.";

/**
 * Writes the executable. Shape of its end: scripts/launcher/payload.h.
 *
 * @returns paths of the host's files that were packed whole or linked in.
 */
export async function writeSelfExtracting(
  target: string,
  files: { deno: string; start: Uint8Array; archive: Uint8Array },
): Promise<string[]> {
  const paths = libraries.map((name) => `/usr/lib/${Deno.build.arch}-linux-gnu/${name}`);
  const runtime = new Map<string, Uint8Array>([["ld.so", withoutPreload(await Deno.readFile(loader))]]);
  for (const path of paths) runtime.set(path.slice(path.lastIndexOf("/") + 1), await Deno.readFile(path));
  runtime.set("deno", await Deno.readFile(files.deno));
  runtime.set("start", files.start);
  runtime.set("archive", files.archive);

  const launcher = await compileLauncher();
  const payload = compress(runtime.values());
  const index = new Uint8Array(runtime.size * entryBytes);
  [...runtime].forEach(([name, bytes], place) => writeEntry(index.subarray(place * entryBytes), name, bytes));
  const trailer = new Uint8Array(trailerBytes);
  new BigUint64Array(trailer.buffer).set([launcher.length, payload.length, runtime.size].map(BigInt));
  trailer.set(new TextEncoder().encode("STAKEOUT"), 24);
  await Deno.writeFile(
    target,
    new Uint8Array(await new Blob([launcher, payload, index, trailer]).arrayBuffer()),
    {
      mode: 0o755,
    },
  );
  await Deno.chmod(target, 0o755);
  const packed = await Promise.all([loader, ...paths].map((path) => Deno.realPath(path)));
  return [...packed, ...await readLinkedFiles(launcherInputs)];
}

/**
 * The C loader preloads what the host's /etc/ld.so.preload lists, even with `--preload`: libraries for the host's C library, which
 * may need a newer one than ours, and then nothing starts. So it looks for that file where none can be.
 */
function withoutPreload(loader: Uint8Array): Uint8Array {
  const bytes = Buffer.from(loader);
  const at = bytes.indexOf("/etc/ld.so.preload\0");
  if (at < 0) throw new Error("The C loader names no /etc/ld.so.preload; see how it finds what to preload");
  bytes.write("/proc/self/fd/none", at, "latin1");
  return bytes;
}

async function compileLauncher(): Promise<Uint8Array<ArrayBuffer>> {
  const output = `${repositoryRoot}/build/launcher`;
  await runCommand("gcc", [
    ...["-O2", "-Wall", "-Wextra", "-Werror", "-static", "-s", `-DV8_FLAGS="${v8Flags}"`],
    ...[`-ffile-prefix-map=${repositoryRoot}=.`, "-Wl,--build-id=none", "-o", output],
    `-Wl,--dependency-file=${launcherInputs}`,
    ...await listFiles("scripts/launcher", /\.c$/),
    "-lzstd",
  ], { cwd: repositoryRoot });
  return await Deno.readFile(output);
}

function compress(files: Iterable<Uint8Array>): Uint8Array<ArrayBuffer> {
  const params = { [constants.ZSTD_c_compressionLevel]: compressionLevel };
  return new Uint8Array(zstdCompressSync(Buffer.concat([...files]), { params }));
}

function writeEntry(entry: Uint8Array, name: string, bytes: Uint8Array): void {
  entry.set(new TextEncoder().encode(name));
  new DataView(entry.buffer, entry.byteOffset).setBigUint64(24, BigInt(bytes.length), true);
  entry.set(createHash("sha256").update(bytes).digest(), 32);
}
