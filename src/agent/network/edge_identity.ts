import { NetworkProtocol, NetworkRole } from "../../gen/stakeout/v1/network_pb.ts";
import { layouts } from "../../gen/records.ts";

const { size, offsets } = layouts.network_edge_value;
const decoder = new TextDecoder();

/** Who is at the ends of an edge, as the kernel numbers them. */
export interface EdgeIdentity {
  /** Number under which the process is covered. */
  readonly number: number;
  readonly protocol: NetworkProtocol;
  readonly role: NetworkRole;
  /** 4 bytes of IPv4, 16 of IPv6, none where it is not known. */
  readonly localAddress: Uint8Array<ArrayBuffer>;
  readonly remoteAddress: Uint8Array<ArrayBuffer>;
  /** Of the server's end. */
  readonly serverPort: number;
  readonly networkNamespace: number;
  /** Process at the other end, in the host's pid namespace; 0: not known. */
  readonly peerTgid: number;
  /** Where a Unix socket's server listens, `@` in front when it is abstract. */
  readonly unixPath: string;
  /** Stands for all peers without an edge of their own. */
  readonly merged: boolean;
}

const protocols = [
  NetworkProtocol.UNSPECIFIED,
  NetworkProtocol.TCP,
  NetworkProtocol.UDP,
  NetworkProtocol.UNIX,
] as const;
const roles = [NetworkRole.UNSPECIFIED, NetworkRole.CLIENT, NetworkRole.SERVER] as const;

/** Decodes who a struct network_edge_value is about; undefined while the kernel is still making it. */
export function readEdgeIdentity(memory: ArrayBuffer, edge: number): EdgeIdentity | undefined {
  const view = new DataView(memory, edge * size, size);
  const number = view.getUint32(offsets.number, true);
  if (number === 0) return undefined;
  const family = view.getUint8(offsets.family);
  const addressBytes = family === 4 ? 4 : family === 6 ? 16 : 0;
  return {
    number,
    protocol: protocols[view.getUint8(offsets.protocol)] ?? NetworkProtocol.UNSPECIFIED,
    role: roles[view.getUint8(offsets.role)] ?? NetworkRole.UNSPECIFIED,
    localAddress: readAddress(view, offsets.local, addressBytes),
    remoteAddress: readAddress(view, offsets.remote, addressBytes),
    serverPort: view.getUint16(offsets.port, true),
    networkNamespace: view.getUint32(offsets.network_namespace, true),
    peerTgid: view.getUint32(offsets.peer, true),
    unixPath: readUnixPath(view),
    merged: family === 0,
  };
}

/** Whether one of the edge's connections began with TLS, as far as is seen now; an edge that is one of TLS stays one. */
export function readEdgeTls(memory: ArrayBuffer, edge: number): boolean {
  return new DataView(memory, edge * size, size).getUint8(offsets.tls) !== 0;
}

/** An address that is all zeros is none. */
function readAddress(view: DataView<ArrayBuffer>, offset: number, bytes: number): Uint8Array<ArrayBuffer> {
  const start = view.byteOffset + offset;
  const address = new Uint8Array(view.buffer.slice(start, start + bytes));
  return address.some((byte) => byte !== 0) ? address : new Uint8Array();
}

/** Attacker's input: shown as text, without control characters. */
function readUnixPath(view: DataView<ArrayBuffer>): string {
  const start = view.byteOffset + offsets.unix_path;
  const bytes = new Uint8Array(view.buffer.slice(start, start + 108));
  const isAbstract = bytes[0] === 0 && bytes.some((byte) => byte !== 0);
  const path = bytes.subarray(isAbstract ? 1 : 0);
  const end = path.indexOf(0);
  const text = decoder.decode(end < 0 ? path : path.subarray(0, end));
  // deno-lint-ignore no-control-regex
  return (isAbstract ? "@" : "") + text.replaceAll(/[\u0000-\u001f\u007f]/g, "?");
}
