import type { PerfSample } from "./perf_ring.ts";

const RECORD_COMM = 3;
const RECORD_MMAP2 = 10;
const FILE_HEADER_BYTES = 104;
const MISC_USER = 2;
const MISC_MMAP_DATA = 1 << 13;
const PROT_READ = 1;
const PROT_READ_EXEC = 5;
const MAP_PRIVATE = 2;
const encoder = new TextEncoder();

/**
 * What perf's own DWARF unwinder says of samples: the frames of each, leaf first, in the order of the samples, each as
 * `placeInFile` writes it. Of a caller it is the last byte of the call, not what is behind it.
 */
export async function unwindWithPerf(
  samples: readonly PerfSample[],
  { pid, attribute, maps }: { pid: number; attribute: Uint8Array<ArrayBuffer>; maps: string },
): Promise<string[][]> {
  const path = await Deno.makeTempFile({ prefix: "stakeout-perf-" });
  try {
    const records = [
      record(
        RECORD_COMM,
        MISC_USER,
        new Uint8Array(new Uint32Array([pid, pid]).buffer),
        padded("target", 16),
      ),
      ...mapRecords(pid, maps),
      ...samples.map(({ bytes }) => bytes),
    ];
    const file = await Deno.open(path, { write: true });
    const writer = file.writable.getWriter();
    for (const part of [fileHeader(attribute, records), ...records]) await writer.write(part);
    await writer.close();
    const fields = ["--fields", "tid,time,ip,dso", "--ns", "--no-inline", "--max-stack", "200"];
    const { stdout, stderr, success } = await new Deno.Command("perf", {
      args: ["script", "--force", "--input", path, ...fields],
    }).output();
    if (!success) throw new Error(`perf script failed: ${new TextDecoder().decode(stderr)}`);
    return parseScript(new TextDecoder().decode(stdout), samples);
  } finally {
    await Deno.remove(path);
  }
}

/** An address as perf prints it: file and offset in it. */
export function placeInFile(address: bigint, maps: string): string {
  for (const { start, end, offset, path } of listMaps(maps)) {
    if (address >= start && address < end) return `${path}+${(address - start + offset).toString(16)}`;
  }
  return `[unknown]+${address.toString(16)}`;
}

function parseScript(text: string, samples: readonly PerfSample[]): string[][] {
  const byTime = new Map<string, string[]>();
  for (const block of text.split("\n\n")) {
    const lines = block.split("\n").filter((line) => line.trim() !== "");
    const head = /^\s*(\d+)\s+(\d+)\.(\d{9}):/.exec(lines[0] ?? "");
    if (head === null) continue;
    const frames = lines.slice(1).map((line) => line.trim().replace(/^(\S+) \((.*)\)$/, "$2+$1"));
    byTime.set(`${head[1]} ${BigInt(head[2]!) * 1_000_000_000n + BigInt(head[3]!)}`, frames);
  }
  return samples.map(({ tid, timeNs }) => byTime.get(`${tid} ${timeNs}`) ?? []);
}

/**
 * `struct perf_file_header`: magic, its size, size of an attribute's entry, sections of attributes, data and event types (offset and
 * size each), 256 bits of features; then the attribute's entry with its section of ids.
 */
function fileHeader(
  attribute: Uint8Array,
  records: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const entryBytes = attribute.length + 16;
  const bytes = new Uint8Array(FILE_HEADER_BYTES + entryBytes);
  bytes.set(encoder.encode("PERFILE2"));
  const dataBytes = records.reduce((sum, { length }) => sum + length, 0);
  const numbers = [FILE_HEADER_BYTES, entryBytes, FILE_HEADER_BYTES, entryBytes, bytes.length, dataBytes];
  bytes.set(new Uint8Array(new BigUint64Array(numbers.map(BigInt)).buffer), 8);
  bytes.set(attribute, FILE_HEADER_BYTES);
  return bytes;
}

function* mapRecords(pid: number, maps: string): Generator<Uint8Array<ArrayBuffer>> {
  for (const { start, end, offset, device, inode, executable, path } of listMaps(maps)) {
    const body = new DataView(new ArrayBuffer(64));
    body.setUint32(0, pid, true);
    body.setUint32(4, pid, true);
    body.setBigUint64(8, start, true);
    body.setBigUint64(16, end - start, true);
    body.setBigUint64(24, offset, true);
    body.setUint32(32, device[0], true);
    body.setUint32(36, device[1], true);
    body.setBigUint64(40, inode, true);
    body.setUint32(56, executable ? PROT_READ_EXEC : PROT_READ, true);
    body.setUint32(60, MAP_PRIVATE, true);
    const misc = executable ? MISC_USER : MISC_USER | MISC_MMAP_DATA;
    yield record(RECORD_MMAP2, misc, new Uint8Array(body.buffer), padded(path || "//anon", 8));
  }
}

function* listMaps(maps: string) {
  const pattern = /^([0-9a-f]+)-([0-9a-f]+) r[-w]([-x]). ([0-9a-f]+) ([0-9a-f]+):([0-9a-f]+) (\d+) *(.*)$/gm;
  for (const [, start, end, execute, offset, major, minor, inode, path] of maps.matchAll(pattern)) {
    yield {
      ...{ start: BigInt(`0x${start}`), end: BigInt(`0x${end}`), offset: BigInt(`0x${offset}`) },
      ...{ device: [parseInt(major!, 16), parseInt(minor!, 16)] as const, inode: BigInt(inode!) },
      ...{ executable: execute === "x", path: path! },
    };
  }
}

function padded(text: string, multiple: number): Uint8Array<ArrayBuffer> {
  const bytes = encoder.encode(text);
  const all = new Uint8Array(Math.ceil((bytes.length + 1) / multiple) * multiple);
  all.set(bytes);
  return all;
}

/** `struct perf_event_header`: type, misc, size. */
function record(type: number, misc: number, ...bodies: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const size = 8 + bodies.reduce((sum, { length }) => sum + length, 0);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint16(4, misc, true);
  view.setUint16(6, size, true);
  let at = 8;
  for (const body of bodies) {
    bytes.set(body, at);
    at += body.length;
  }
  return bytes;
}
