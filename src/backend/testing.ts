import { type DescService } from "@bufbuild/protobuf";
import { type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { silentLogger } from "../../lib/log.ts";
import { makeAsset } from "./assets.ts";
import type { Token } from "./auth.ts";
import { type Backend, type BackendOptions, startBackend } from "./backend.ts";

/** One token of every role, and an agent's that is bound to one id. */
export const testTokens = {
  viewer: "viewer-token-0123456789",
  editor: "editor-token-0123456789",
  agent: "agent-token-0123456789",
  boundAgent: "bound-agent-token-0123456789",
} as const;

const tokens: readonly Token[] = [
  { role: "viewer", token: testTokens.viewer },
  { role: "editor", token: testTokens.editor },
  { role: "agent", token: testTokens.agent },
  { role: "agent", token: testTokens.boundAgent, agentIds: ["bound"] },
];

/** A backend for one test, on a free port of the loopback address, in memory unless a folder is given. */
export interface TestBackend extends AsyncDisposable {
  readonly backend: Backend;
  /** A client of one service; no token when it is undefined. */
  client<T extends DescService>(service: T, token: string | undefined): Client<T>;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
}

/** Starts one; `await using` ends it. */
export async function startTestBackend(options: Partial<BackendOptions> = {}): Promise<TestBackend> {
  const page = new TextEncoder().encode("<!doctype html><title>page</title>");
  const backend = await startBackend({
    hostname: "127.0.0.1",
    port: 0,
    stateFolder: undefined,
    assets: new Map([["/index.html", makeAsset("/index.html", page)]]),
    tokens,
    logger: silentLogger,
    version: "0.0.0",
    ...options,
  });
  return {
    backend,
    client(service, token) {
      const authorize: Interceptor = (next) => (request) => {
        if (token !== undefined) request.header.set("authorization", `Bearer ${token}`);
        return next(request);
      };
      return createClient(
        service,
        createConnectTransport({ baseUrl: backend.url, useBinaryFormat: true, interceptors: [authorize] }),
      );
    },
    get: (path, headers = {}) => fetch(`${backend.url}${path}`, { headers, redirect: "manual" }),
    [Symbol.asyncDispose]: () => backend.close(),
  };
}
