import type { Buffer } from "node:buffer";
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** What a token may do. An editor may all that a viewer may; an agent only reports. */
export type Role = "viewer" | "editor" | "agent";

/** One secret and what it opens. */
export interface Token {
  readonly token: string;
  readonly role: Role;
  /** Agents that may report with it; absent: any agent id, for a token that several agents share. */
  readonly agentIds?: readonly string[];
}

/** Who calls. */
export interface Principal {
  readonly role: Role;
  readonly agentIds?: readonly string[];
}

const readers: readonly Role[] = ["viewer", "editor"];
const editors: readonly Role[] = ["editor"];
const agents: readonly Role[] = ["agent"];

/** Every method and the roles that may call it. What is not listed nobody may call. */
export const methodRoles: Readonly<Record<string, readonly Role[]>> = {
  "stakeout.v1.AgentService/Watch": agents,
  "stakeout.v1.AgentService/Report": agents,
  "stakeout.v1.AgentService/AnswerCommand": agents,
  "stakeout.v1.PolicyService/ListPolicies": readers,
  "stakeout.v1.PolicyService/GetPolicy": readers,
  "stakeout.v1.PolicyService/CheckPolicy": readers,
  "stakeout.v1.PolicyService/ApplyPolicies": editors,
  "stakeout.v1.PolicyService/DeletePolicy": editors,
  "stakeout.v1.PolicyService/SetPolicyPaused": editors,
  "stakeout.v1.QueryService/GetOverview": readers,
  "stakeout.v1.QueryService/ListProcesses": readers,
  "stakeout.v1.QueryService/GetProcess": readers,
  "stakeout.v1.QueryService/QueryMetrics": readers,
  "stakeout.v1.QueryService/WatchChanges": readers,
  "stakeout.v1.TaskService/ListTasks": readers,
  "stakeout.v1.TaskService/GetTask": readers,
  "stakeout.v1.TaskService/GetProfile": readers,
  "stakeout.v1.TaskService/GetNetworkProfile": readers,
  "stakeout.v1.TaskService/StopTask": editors,
  "stakeout.v1.TaskService/StartTask": editors,
  "stakeout.v1.TaskService/ExtendTask": editors,
};

/** Roles that may call the methods of SkyWalking's services: its agents report, as ours do. */
export const skyWalkingRoles: readonly Role[] = agents;

/** Whether a role may read what is not an RPC: pages, exports, metrics. */
export function mayRead(principal: Principal): boolean {
  return readers.includes(principal.role);
}

interface Entry {
  readonly hash: Buffer;
  /** Value of the cookie; made from the token, so it outlives a restart and ends with the token. */
  readonly session: string;
  readonly sessionHash: Buffer;
  readonly principal: Principal;
}

/** Knows the tokens, and tells who calls from what a request carries. */
export class Authenticator {
  readonly #entries: readonly Entry[];
  readonly #cookieName: string;

  /** `cookieName` tells servers on one host apart, because browsers send cookies to every port. */
  constructor(tokens: readonly Token[], cookieName: string) {
    this.#cookieName = cookieName;
    this.#entries = tokens.map(({ token, role, agentIds }) => {
      const session = createHmac("sha256", token).update("stakeout session").digest("base64url");
      const principal = agentIds === undefined ? { role } : { role, agentIds };
      return { hash: hashText(token), session, sessionHash: hashText(session), principal };
    });
  }

  /** Who sends these headers: by `Authorization: Bearer`, or by the cookie of a session. */
  authenticate(headers: Headers): Principal | undefined {
    const authorization = headers.get("authorization");
    if (authorization !== null) {
      const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
      return token === undefined ? undefined : this.#find(token, "hash")?.principal;
    }
    const session = readCookie(headers.get("cookie") ?? "", this.#cookieName);
    return session === undefined ? undefined : this.#find(session, "sessionHash")?.principal;
  }

  /** Who sends a token as SkyWalking's agents do: by itself in a header of its own. */
  authenticateToken(token: string | null): Principal | undefined {
    return token === null ? undefined : this.#find(token, "hash")?.principal;
  }

  /** The Set-Cookie value that a token is exchanged for; undefined when it is wrong or an agent's. */
  logIn(token: string, secure: boolean): string | undefined {
    const entry = this.#find(token, "hash");
    if (entry === undefined || !mayRead(entry.principal)) return undefined;
    const attributes = `Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict${secure ? "; Secure" : ""}`;
    return `${this.#cookieName}=${entry.session}; ${attributes}`;
  }

  /** Compares with every entry, and hashes first, so that the time taken tells nothing. */
  #find(secret: string, key: "hash" | "sessionHash"): Entry | undefined {
    const hash = hashText(secret);
    let found: Entry | undefined;
    for (const entry of this.#entries) {
      if (timingSafeEqual(hash, entry[key])) found = entry;
    }
    return found;
  }
}

function hashText(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function readCookie(header: string, name: string): string | undefined {
  for (const part of header.split(";")) {
    const at = part.indexOf("=");
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return undefined;
}
