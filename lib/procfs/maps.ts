/** Most lines and bytes of one process's maps that are looked at; the kernel's own default is 65,530 mappings. */
const maxMappings = 65_536;
const maxMapsBytes = 16 * 1024 * 1024;

/** One executable or data mapping of a process. Addresses are of user space: below 2^48, exact in a double. */
export interface Mapping {
  readonly start: number;
  readonly end: number;
  /** Where `start` lies in the file. */
  readonly offset: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  /** 0 for what is not a file. */
  readonly inode: number;
  /** As the process sees it, without " (deleted)"; "[vdso]" and the like, "" for anonymous memory. */
  readonly path: string;
  readonly executable: boolean;
  /** The file has lost its name or was replaced. */
  readonly deleted: boolean;
}

/**
 * Parses the text of /proc/PID/maps; lines it does not understand are left out.
 *
 * Source: /proc/PID/maps, `start-end perms offset major:minor inode path`, all but the inode in hexadecimal.
 * Shape: ordered by address, not overlapping.
 * Limits: the first 65,536 lines.
 */
export function parseMaps(text: string): Mapping[] {
  const mappings: Mapping[] = [];
  let lineStart = 0;
  while (lineStart < text.length && mappings.length < maxMappings) {
    let lineEnd = text.indexOf("\n", lineStart);
    if (lineEnd < 0) lineEnd = text.length;
    const mapping = parseLine(text.slice(lineStart, lineEnd));
    const previous = mappings.at(-1);
    if (mapping !== undefined && mapping.start >= (previous?.end ?? 0)) mappings.push(mapping);
    lineStart = lineEnd + 1;
  }
  return mappings;
}

/** Reads the maps of a process as text, cut at 16 MiB; "" when it is gone, a kernel thread or may not be read. */
export async function readMapsText(pid: number): Promise<string> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(`/proc/${pid}/maps`);
  } catch {
    return "";
  }
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(64 * 1024);
  let text = "";
  try {
    for (let total = 0; total < maxMapsBytes;) {
      const count = await file.read(chunk);
      if (count === null || count === 0) break;
      text += decoder.decode(chunk.subarray(0, count), { stream: true });
      total += count;
    }
  } catch {
    // The process ended meanwhile; what was read holds.
  } finally {
    file.close();
  }
  return text;
}

/** The lines of executable mappings, all that naming needs; a process can have tens of thousands of others. */
export function keepExecutable(mapsText: string): string {
  return mapsText.split("\n").filter((text) => /^\S+ ..x/.test(text)).join("\n");
}

const line =
  /^([0-9a-f]{1,12})-([0-9a-f]{1,12}) ([r-])([w-])([x-])([ps]) ([0-9a-f]{1,13}) ([0-9a-f]{1,8}):([0-9a-f]{1,8}) (\d{1,20}) *(.*)$/;

function parseLine(text: string): Mapping | undefined {
  const match = text.length > 8192 ? null : line.exec(text);
  if (match === null) return undefined;
  const start = parseInt(match[1]!, 16);
  const end = parseInt(match[2]!, 16);
  const named = match[11]!;
  const inode = Number(match[10]);
  const deleted = inode !== 0 && named.endsWith(" (deleted)");
  const path = deleted ? named.slice(0, -" (deleted)".length) : named;
  if (end <= start || !Number.isSafeInteger(inode)) return undefined;
  return {
    start,
    end,
    offset: parseInt(match[7]!, 16),
    deviceMajor: parseInt(match[8]!, 16),
    deviceMinor: parseInt(match[9]!, 16),
    inode,
    // The one character that the kernel escapes.
    path: path.replaceAll("\\012", "\n"),
    executable: match[5] === "x",
    deleted,
  };
}
