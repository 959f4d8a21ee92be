import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";

/** What answers on a port; `unknown` when nothing answers that could be told. */
export type PeerProtocol = "http2" | "http1" | "tls" | "unknown";

const waitMs = 2_000;
/** A client's preface and its settings, of which there are none. */
const preface = `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${"\0\0\0\x04\0\0\0\0\0"}`;

/** Finds out what a port speaks to who does not use TLS, within 4 s. It sends no token and believes no certificate. */
export async function findPeerProtocol(to: { hostname: string; port: number }): Promise<PeerProtocol> {
  const address = { host: to.hostname, port: to.port };
  const first = await readFirstBytes(address);
  if (first !== undefined) {
    if (first.startsWith("HTTP/1.")) return "http1";
    // The alert of a server that expected a handshake, and the frame of settings that every HTTP/2 server begins with.
    if (first.charCodeAt(0) === 0x15) return "tls";
    if (first.charCodeAt(3) === 4) return "http2";
  }
  return await shakesHands(address) ? "tls" : "unknown";
}

function readFirstBytes(address: { host: string; port: number }): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const socket = connectTcp(address, () => socket.write(preface, "latin1"));
  socket.setTimeout(waitMs, () => resolve(undefined));
  socket.once(
    "data",
    (bytes: Uint8Array) => resolve(new TextDecoder("latin1").decode(bytes.subarray(0, 16))),
  );
  socket.on("error", () => resolve(undefined));
  socket.on("close", () => resolve(undefined));
  return promise.finally(() => socket.destroy());
}

function shakesHands(address: { host: string; port: number }): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connectTls({ ...address, rejectUnauthorized: false }, () => resolve(true));
  socket.setTimeout(waitMs, () => resolve(false));
  socket.on(
    "error",
    (error: Error) => resolve(/certificate.?required|handshake.?failure/i.test(error.message)),
  );
  socket.on("close", () => resolve(false));
  return promise.finally(() => socket.destroy());
}
