import type { BuildInfo } from "../model/build_info.ts";

/** Where each built file lies in the archive: offset and length in bytes, after the header. */
type Index = Readonly<Record<string, readonly [number, number]>>;

// Opened before any right is given up: without all of them, the runtime lets nobody open what lies below /proc.
const archive = Deno.openSync(findArchive());
const headerBytes = Number(new DataView(readAt(0, 8).buffer).getBigUint64(0, true));
const index: Index = JSON.parse(new TextDecoder().decode(readAt(8, headerBytes)));

/** Reads a built file out of the archive that scripts/executable/archive.ts made. */
export function readBuiltFile(path: string): Uint8Array<ArrayBuffer> {
  const place = index[path];
  if (place === undefined) throw new Error(`The executable has no ${path} in it; build it anew`);
  return readAt(8 + headerBytes + place[0], place[1]);
}

/** Reads the files of a folder of the archive, by their names with a slash before them. */
export function readBuiltFolder(path: string): Map<string, Uint8Array<ArrayBuffer>> {
  const names = Object.keys(index).filter((name) => name.startsWith(`${path}/`));
  return new Map(names.map((name) => [name.slice(path.length), readBuiltFile(name)]));
}

/** How this executable was made. */
export function readBuildInfo(): BuildInfo {
  return JSON.parse(new TextDecoder().decode(readBuiltFile("build.json")));
}

/** In the executable no file has a path of its own. */
export function builtFilePath(_path: string): string | undefined {
  return undefined;
}

/** The launcher holds it open and names it; `deno compile` keeps it beside the start. */
function findArchive(): string {
  const path = Deno.env.get("STAKEOUT_ARCHIVE") ?? new URL("./archive", import.meta.url).pathname;
  Deno.env.set("STAKEOUT_ARCHIVE", path);
  return path;
}

function readAt(offset: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  archive.seekSync(offset, Deno.SeekMode.Start);
  for (let done = 0; done < length;) {
    const read = archive.readSync(bytes.subarray(done));
    if (read === null) throw new Error("The executable's archive is cut; copy it anew");
    done += read;
  }
  return bytes;
}
