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

/** Who is at the other end of an edge of a network profile, as its fields tell. */
export interface EdgePeer {
  readonly remoteAddress: Uint8Array;
  readonly serverPort: number;
  readonly unixPath: string;
  readonly merged: boolean;
  /** The process's own end is the server's. */
  readonly isServer: boolean;
}

/** The other end for people: `10.0.0.7:5432`, `[::1]:80`, `10.0.0.9` for a client, a path, `(unknown)`, `(all others)`. */
export function formatPeer({ remoteAddress, serverPort, unixPath, merged, isServer }: EdgePeer): string {
  if (merged) return "(all others)";
  const address = formatAddress(remoteAddress);
  if (address === "") return unixPath === "" ? "(unknown)" : unixPath;
  if (isServer) return address;
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
