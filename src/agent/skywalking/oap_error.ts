import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { oapAddress } from "../../model/backend_url.ts";
import { findPeerProtocol, type PeerProtocol } from "./peer_protocol.ts";

/** What a call to a port that is no OAP's ends with, as far as the stack below can tell. */
const unclear = [Code.Internal, Code.Unknown, Code.Canceled, Code.Unavailable];
const askAgainMs = 30_000;

/**
 * Finds out why calls fail whose error says nothing of use: a port that speaks something else is told as
 * `FailedPrecondition` with the reason. It asks the port at most every 30 s.
 */
export function explain(url: string): Interceptor {
  const address = oapAddress(url);
  let asked = { atMs: -Infinity, protocol: "unknown" as PeerProtocol };
  async function findReason(error: ConnectError): Promise<string | undefined> {
    const { rawMessage } = error;
    if (/unsupported content type|HTTP 404/.test(rawMessage)) return "it speaks HTTP but no gRPC";
    if (/wrong version number|InvalidContentType/i.test(rawMessage)) return "it speaks no TLS";
    if (address.tls || /ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|ENETUNREACH/.test(rawMessage)) return undefined;
    if (!unclear.includes(error.code)) return undefined;
    if (performance.now() - asked.atMs > askAgainMs) {
      asked = { atMs: performance.now(), protocol: await findPeerProtocol(address) };
    }
    return {
      tls: "it speaks TLS",
      http1: "it speaks HTTP but no gRPC",
      http2: undefined,
      unknown: undefined,
    }[
      asked.protocol
    ];
  }
  return (next) => async (request) => {
    try {
      return await next(request);
    } catch (cause) {
      const error = ConnectError.from(cause);
      const reason = request.signal.aborted ? undefined : await findReason(error);
      throw reason === undefined
        ? error
        : new ConnectError(reason, Code.FailedPrecondition, undefined, undefined, cause);
    }
  };
}

/** One sentence for people: what is wrong with the OAP at `url`, and the fix. */
export function describeOapError(error: unknown, url: string): string {
  const { code, rawMessage } = ConnectError.from(error);
  switch (code) {
    case Code.Unauthenticated:
    case Code.PermissionDenied:
      return `The OAP at ${url} refuses the token: ${rawMessage}; set backend.token_file to the OAP's authentication token`;
    case Code.Unimplemented:
      return `The OAP at ${url} does not know what it is asked (${rawMessage}); it takes OAP 9.5 or newer with its eBPF receiver`;
    case Code.DeadlineExceeded:
      return `The OAP at ${url} does not answer in time`;
    case Code.ResourceExhausted:
      return `The OAP at ${url} answers beyond a limit or is overloaded: ${rawMessage}`;
    case Code.FailedPrecondition:
      return `What answers at ${url} is no OAP's gRPC port: ${rawMessage}; ${fixOf(rawMessage)}`;
    default:
      return `Cannot talk to the OAP at ${url}: ${rawMessage}; ${
        /certificate|altnames/i.test(rawMessage)
          ? "check tls.ca_file, tls.cert_file and tls.key_file"
          : "check the URL and that it runs"
      }`;
  }
}

function fixOf(reason: string): string {
  if (reason.endsWith("no TLS")) return "write skywalking:// for an OAP without TLS";
  if (reason.endsWith("TLS")) return "write skywalkings:// for an OAP with TLS";
  return "that is usually 11800, and 12800 its HTTP port";
}
