import { type Client, Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { describeFetchError } from "../agent/transport.ts";
import { PolicyService } from "../gen/stakeout/v1/policy_service_pb.ts";
import { QueryService } from "../gen/stakeout/v1/query_service_pb.ts";
import { TaskService } from "../gen/stakeout/v1/task_service_pb.ts";
import { isOapUrl } from "../model/backend_url.ts";
import type { Config } from "../model/config.ts";
import { CommandError } from "./command_error.ts";
import { describeFileError } from "./describe_file_error.ts";
import { parseUrl } from "./parse_option.ts";

const answerBytes = 4 * 1024 * 1024;
const answerMs = 10_000;

/** A backend as the client commands use it. Every failure is a CommandError that says what to do. */
export interface BackendClient {
  readonly url: string;
  readonly policies: Client<typeof PolicyService>;
  readonly tasks: Client<typeof TaskService>;
  readonly queries: Client<typeof QueryService>;
  /** GETs a path; answers other than 200 are errors. */
  download(path: string): Promise<ReadableStream<Uint8Array>>;
}

/**
 * Finds URL and token (flags, environment, file, or the files `url` and `token` that the local `up` leaves in its
 * state folder) and makes the client; nothing is sent yet.
 */
export async function openBackend(config: Config): Promise<BackendClient> {
  const url = await findBackendUrl(config);
  if (isOapUrl(url)) {
    throw new CommandError(
      `${url} is an OAP, which only agents report to; give --backend a Stakeout backend`,
      {
        exitCode: 2,
      },
    );
  }
  const token = await readToken(config);
  const ca = config.tls.caFile === "" ? undefined : await readSecret(config.tls.caFile, "--tls-ca");
  const translate: Interceptor = (next) => async (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    try {
      return await next(request);
    } catch (error) {
      throw describeBackendError(error, url);
    }
  };
  const get = createFetch(ca);
  const transport = createConnectTransport({
    baseUrl: url,
    defaultTimeoutMs: answerMs,
    interceptors: [translate],
    fetch: async (input, init) => limitBody(await get(input, init)),
  });
  return {
    url,
    policies: createClient(PolicyService, transport),
    tasks: createClient(TaskService, transport),
    queries: createClient(QueryService, transport),
    download: (path) => download(get, url + path, token),
  };
}

/** The backend that was given, or the local `up`. @throws {CommandError} when there is neither. */
export async function findBackendUrl({ backend, stateFolder }: Config): Promise<string> {
  return backend.url === "" ? await readLocalUrl(stateFolder) : backend.url;
}

/** What went wrong between this command and the backend, and what to do about it. */
export function describeBackendError(error: unknown, url: string): CommandError {
  if (error instanceof CommandError) return error;
  const { code, rawMessage } = ConnectError.from(error);
  const failure = (message: string, exitCode: 1 | 2 = 1) =>
    new CommandError(message, { exitCode, cause: error });
  switch (code) {
    case Code.Unavailable:
      return failure(
        `Cannot reach the backend at ${url}: ${addFix(rawMessage, "check that it runs, and --backend")}`,
      );
    case Code.Unauthenticated:
      return failure(`The backend at ${url} does not know the token; check --token-file or STAKEOUT_TOKEN`);
    case Code.PermissionDenied:
      return failure(addFix(rawMessage, "use a token with a higher role"));
    case Code.DeadlineExceeded:
      return failure(
        `The backend at ${url} did not answer within ${answerMs / 1000} s; try again, or see its log`,
      );
    case Code.NotFound:
    case Code.Aborted:
    case Code.FailedPrecondition:
    case Code.ResourceExhausted:
      return failure(rawMessage);
    case Code.InvalidArgument:
      return failure(rawMessage, 2);
    default:
      return failure(`${url} does not answer as a Stakeout backend: ${rawMessage}; check --backend`);
  }
}

/** The backend's own fix, where its message has one, is the better one. */
function addFix(message: string, fix: string): string {
  return message.includes("; ") ? message : `${message}; ${fix}`;
}

type Fetch = (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>;

/** fetch() that trusts one more certificate authority and says why it failed. */
function createFetch(ca: string | undefined): Fetch {
  const client = ca === undefined ? {} : { client: Deno.createHttpClient({ caCerts: [ca] }) };
  return async (input, init) => {
    try {
      return await fetch(input, { ...init, ...client });
    } catch (error) {
      if (init?.signal?.aborted) throw error;
      throw new ConnectError(describeFetchError(error), Code.Unavailable, undefined, undefined, error);
    }
  };
}

/** The same answer, broken off beyond the limit of a message. */
function limitBody(response: Response): Response {
  let bytes = 0;
  const limit = new TransformStream<Uint8Array, Uint8Array>({
    transform(part, controller) {
      bytes += part.length;
      if (bytes > answerBytes) controller.error(new ConnectError("the answer is over 4 MiB", Code.Unknown));
      else controller.enqueue(part);
    },
  });
  return response.body === null ? response : new Response(response.body.pipeThrough(limit), response);
}

async function download(get: Fetch, url: string, token: string): Promise<ReadableStream<Uint8Array>> {
  const origin = new URL(url).origin;
  let response: Response;
  try {
    response = await get(url, { headers: { authorization: `Bearer ${token}` }, redirect: "error" });
  } catch (error) {
    throw describeBackendError(error, origin);
  }
  if (response.status === 200 && response.body !== null) return response.body;
  const text = (await response.text()).slice(0, 300).split("\n")[0]!;
  const codes: Record<number, Code> = {
    401: Code.Unauthenticated,
    403: Code.PermissionDenied,
    404: Code.NotFound,
  };
  const code = codes[response.status] ?? Code.Unknown;
  throw describeBackendError(new ConnectError(text || `HTTP ${response.status}`, code), origin);
}

async function readLocalUrl(stateFolder: string): Promise<string> {
  try {
    return parseUrl((await Deno.readTextFile(`${stateFolder}/url`)).trim());
  } catch (error) {
    throw new CommandError(
      `No backend is known: ${stateFolder}/url: ${
        describeFileError(error)
      }; run stakeout up, or give --backend URL`,
      { exitCode: 2, cause: error },
    );
  }
}

/** The token to use: given, from a file, or the one the local backend left in its state folder. */
export async function readToken({ backend, stateFolder }: Config): Promise<string> {
  if (backend.token !== "") return checkToken(backend.token, "The given token");
  const path = backend.tokenFile || `${stateFolder}/token`;
  return checkToken((await readSecret(path, "--token-file")).trim(), path);
}

/** The token for an OAP, `""` for none or an empty file: it may ask for none, and the local backend's is not for it. */
export async function readOapToken({ backend }: Config): Promise<string> {
  if (backend.token !== "") return checkToken(backend.token, "The given token");
  if (backend.tokenFile === "") return "";
  const token = (await readSecret(backend.tokenFile, "--token-file")).trim();
  return token === "" ? "" : checkToken(token, backend.tokenFile);
}

/** A token goes into a header, so it must be visible ASCII. */
function checkToken(token: string, from: string): string {
  if (/^[\x21-\x7e]{1,512}$/.test(token)) return token;
  throw new CommandError(`${from} holds no token; it is one line of letters and digits`, { exitCode: 2 });
}

async function readSecret(path: string, flag: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw new CommandError(`Cannot read ${path}: ${describeFileError(error)}; check ${flag}`, {
      exitCode: 2,
      cause: error,
    });
  }
}
