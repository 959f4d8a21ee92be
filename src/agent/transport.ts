import { Code, ConnectError, type Interceptor, type Transport } from "@connectrpc/connect";
import {
  type UniversalClientFn,
  universalClientRequestToFetch,
  universalClientResponseFromFetch,
} from "@connectrpc/connect/protocol";
import { createTransport } from "@connectrpc/connect/protocol-connect";

export interface AgentTransportOptions {
  /** `http://` or `https://` of the backend's main port. */
  readonly url: string;
  /** Of the agent role; sent to this backend only. */
  readonly token: string;
  /** PEM file of the authorities to trust besides the system's. */
  readonly caFile?: string;
}

/** A way to the backend; `close` ends its connections. */
export interface AgentTransport {
  readonly url: string;
  readonly transport: Transport;
  close(): void;
}

const messageLimitBytes = 4 * 1024 * 1024;

/**
 * Makes the agent's way to the backend: Connect's protocol, binary, over fetch.
 * Limits: messages end at 4 MiB after decompression both ways; a longer one is an error and is not read on.
 * @throws {Error} when the file of authorities cannot be read
 */
export function createAgentTransport(options: AgentTransportOptions): AgentTransport {
  const caCerts = options.caFile === undefined ? [] : [readCertificates(options.caFile)];
  const client = Deno.createHttpClient({ caCerts, poolMaxIdlePerHost: 2 });
  const authorize: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${options.token}`);
    // Else fetch asks for compression and unpacks before anybody has looked at the length.
    request.header.set("accept-encoding", "identity");
    return next(request);
  };
  const transport = createTransport({
    httpClient: createHttpClient(client),
    baseUrl: options.url,
    useBinaryFormat: true,
    interceptors: [authorize],
    acceptCompression: [],
    sendCompression: null,
    compressMinBytes: messageLimitBytes,
    readMaxBytes: messageLimitBytes,
    writeMaxBytes: messageLimitBytes,
  });
  return { url: options.url, transport, close: () => client.close() };
}

/** One sentence for people: what is wrong with the backend at `url`, and the fix. */
export function describeBackendError(error: unknown, url: string): string {
  const { code, rawMessage } = ConnectError.from(error);
  switch (code) {
    case Code.Unauthenticated:
      return `The backend at ${url} does not know the token; set the agent's token to one of its agent tokens`;
    case Code.PermissionDenied:
      return `The backend at ${url} refuses the token: ${rawMessage}; use a token of the agent role`;
    case Code.Unimplemented:
      return `What answers at ${url} is no Stakeout backend, or one too old (${rawMessage}); check the URL`;
    case Code.DeadlineExceeded:
      return `The backend at ${url} does not answer in time`;
    case Code.ResourceExhausted:
      return `The backend at ${url} answers beyond a limit or is overloaded: ${rawMessage}`;
    default:
      if (/unsupported content type|HTTP 3\d\d/.test(rawMessage)) {
        return `What answers at ${url} is no Stakeout backend (${rawMessage}); check the URL`;
      }
      return `Cannot talk to the backend at ${url}: ${
        describeFetchError(error)
      }; check the URL and that it runs`;
  }
}

/**
 * Fetch for Connect. An aborted call ends its connection here and now: the signal of the Request alone leaves an
 * answer that nobody reads open until the garbage is collected.
 */
function createHttpClient(client: Deno.HttpClient): UniversalClientFn {
  return async (request) => {
    const { signal = null } = request;
    // A redirect is never followed: the token belongs to this backend.
    const init = { client, redirect: "manual" as const, signal };
    const response = await fetch(universalClientRequestToFetch(request), init);
    const pipe = signal === null ? {} : { signal };
    const body = response.body?.pipeThrough(new TransformStream(), pipe) ?? null;
    return universalClientResponseFromFetch(new Response(body, response));
  };
}

/** The innermost reason: `Connection refused` of `error sending request for url (…): client error (Connect): …`. */
export function describeFetchError(error: unknown): string {
  let cause = error;
  while (cause instanceof Error && cause.cause instanceof Error) cause = cause.cause;
  const message = cause instanceof ConnectError
    ? cause.rawMessage
    : cause instanceof Error
    ? cause.message
    : `${cause}`;
  return message.replace(/^.*client error \(\w+\): /s, "").replace(/ \(os error \d+\)$/, "");
}

function readCertificates(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot read the file of authorities ${path}: ${reason}`);
  }
}
