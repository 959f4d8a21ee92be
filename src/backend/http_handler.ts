import { Code, ConnectError } from "@connectrpc/connect";
import type { Logger } from "../../lib/log.ts";
import { type Assets, serveAsset } from "./assets.ts";
import { type Authenticator, mayRead } from "./auth.ts";
import { toConnectError } from "./error_interceptor.ts";
import { exportPattern, exportProfile } from "./export_route.ts";
import type { Health } from "./health.ts";
import { logIn, loginPage, serveLoginStyle } from "./login.ts";
import type { NetworkReader } from "./network/network_reader.ts";
import type { ProfileReader } from "./profile/profile_reader.ts";
import { type HostNames, isKnownHost, isOwnOrigin, readHost } from "./request_origin.ts";
import type { RpcHandler } from "./rpc_handler.ts";
import { addSecurityHeaders } from "./security_headers.ts";
import type { Store } from "./store/store.ts";

export interface HttpHandlerOptions {
  readonly store: Store;
  readonly profiles: ProfileReader;
  readonly networks: NetworkReader;
  readonly health: Health;
  readonly authenticator: Authenticator;
  readonly assets: Assets;
  readonly hostNames: HostNames;
  readonly rpc: RpcHandler;
  readonly logger: Logger;
}

const statuses: Readonly<Partial<Record<Code, number>>> = {
  [Code.InvalidArgument]: 400,
  [Code.Unauthenticated]: 401,
  [Code.PermissionDenied]: 403,
  [Code.NotFound]: 404,
  [Code.ResourceExhausted]: 429,
  [Code.Unavailable]: 503,
};

/** Answers everything on the main port; whatever happens there is an answer, and it says nothing of the inside. */
export function createHttpHandler(
  options: HttpHandlerOptions,
): (request: Request, peer: string) => Promise<Response> {
  return async (request, peer) => {
    try {
      return addSecurityHeaders(await route(request, peer, options));
    } catch (error) {
      const { code, rawMessage } = toConnectError(error, "HTTP", options.logger);
      return addSecurityHeaders(sayText(statuses[code] ?? 500, rawMessage));
    }
  };
}

async function route(request: Request, peer: string, options: HttpHandlerOptions): Promise<Response> {
  const { health, authenticator, assets, hostNames, rpc } = options;
  const host = readHost(request);
  if (!isKnownHost(host, hostNames)) {
    return sayText(
      403,
      "Unknown host name; open the server by its address, or add the name to its configuration",
    );
  }
  const url = new URL(request.url);
  const path = url.pathname;
  if (path === "/healthz") return sayText(200, "ok");
  if (path === "/readyz") return await health.ready();
  if (path === "/login.css") return serveLoginStyle();
  const reads = request.method === "GET" || request.method === "HEAD";
  const navigates = reads && request.headers.get("sec-fetch-mode") === "navigate";
  if (!isOwnOrigin(request.headers, host, navigates)) {
    return sayText(403, "Request comes from a page of another origin");
  }
  if (path === "/login" && (reads || request.method === "POST")) {
    return await logIn(request, url, authenticator);
  }
  const answer = rpc(request, path, peer);
  if (answer !== undefined) return await answer;
  if (!reads) return sayText(405, "Only GET is possible here");

  const principal = authenticator.authenticate(request.headers);
  if (principal === undefined) {
    return request.headers.get("accept")?.includes("text/html")
      ? loginPage(401, false)
      : sayText(401, "No valid token; send it as Authorization: Bearer TOKEN");
  }
  if (!mayRead(principal)) {
    throw new ConnectError("An agent's token is for reports only", Code.PermissionDenied);
  }
  if (path === "/metrics") return await health.metrics();
  const taskId = exportPattern.exec(path)?.[1];
  if (taskId !== undefined) return await exportProfile(taskId, url.searchParams, options);
  return serveAsset(assets, request, path);
}

function sayText(status: number, text: string): Response {
  return new Response(`${text}\n`, { status, headers: { "content-type": "text/plain; charset=utf-8" } });
}
