/** Text of 4 bytes of IPv4 or 16 of IPv6 (RFC 5952); `""` for anything else. */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.length !== 16) return "";
  const groups = Array.from({ length: 8 }, (_, index) => bytes[2 * index]! << 8 | bytes[2 * index + 1]!);
  const { start, length } = longestZeros(groups);
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(":");
  if (length < 2) return text(groups);
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

/** Bytes of an IPv4 or IPv6 address as text; 4 also of IPv4 within IPv6, undefined when it is none. */
export function parseAddress(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length > 45) return undefined;
  const [, head = "", v4] = /^(.*?)(\d{1,3}(?:\.\d{1,3}){3})?$/.exec(text) ?? [];
  const low = v4?.split(".").map(Number) ?? [];
  if (low.some((byte) => byte > 255)) return undefined;
  if (v4 !== undefined && /^(::ffff:)?$/i.test(head)) return Uint8Array.from(low);
  const tail = v4 === undefined
    ? ""
    : `${(low[0]! << 8 | low[1]!).toString(16)}:${(low[2]! << 8 | low[3]!).toString(16)}`;
  const halves = (head + tail).split("::");
  const [left = [], right = []] = halves.map((half) => half === "" ? [] : half.split(":"));
  const missing = 8 - left.length - right.length;
  if (halves.length > 2 || (halves.length === 2 ? missing < 1 : missing !== 0)) return undefined;
  const groups = [...left, ...new Array<string>(missing).fill("0"), ...right];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return Uint8Array.from(groups.flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 255]));
}

/** Who is at the other end of an edge of a network profile, as its fields tell. */
export interface EdgePeer {
  readonly remoteAddress: Uint8Array;
  readonly serverPort: number;
  readonly unixPath: string;
  readonly merged: boolean;
  /** The process's own end is the server's. */
  readonly isServer: boolean;
}

/**
 * The other end for people: `10.0.0.7:5432`, `[::1]:80`, `10.0.0.9` for a client or without a port, a path, `(unknown)`,
 * `(all others)`.
 */
export function formatPeer({ remoteAddress, serverPort, unixPath, merged, isServer }: EdgePeer): string {
  if (merged) return "(all others)";
  const address = formatAddress(remoteAddress);
  if (address === "") return unixPath === "" ? "(unknown)" : unixPath;
  if (isServer || serverPort === 0) return address;
  return remoteAddress.length === 16 ? `[${address}]:${serverPort}` : `${address}:${serverPort}`;
}

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 };
  let length = 0;
  for (const [index, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0;
    if (length > longest.length) longest = { start: index - length + 1, length };
  }
  return longest;
}
