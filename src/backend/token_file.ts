import { randomBytes } from "node:crypto";
import type { Role, Token } from "./auth.ts";

const minimumLength = 16;
const comment =
  "# One a line: ROLE TOKEN [AGENT-ID,...]; roles are viewer, editor and agent. Keep this file secret (0600).\n";

/**
 * Reads the file of tokens.
 * Shape: lines of role, token and, for agents, the agent ids it is good for; `#` begins a comment.
 * Limits: the file must be readable by its owner alone, or be root's and readable by a group as well, which is how
 * Kubernetes hands secrets to other users; a token has at least 16 characters.
 *
 * @throws {Error} With file, line and fix.
 */
export async function readTokenFile(path: string): Promise<Token[]> {
  const { mode, uid } = await Deno.stat(path);
  if (((mode ?? 0) & (uid === 0 ? 0o037 : 0o077)) !== 0) {
    throw new Error(`Cannot use ${path}: others may read it; run chmod 600 ${path}`);
  }
  const tokens: Token[] = [];
  for (const [index, line] of (await Deno.readTextFile(path)).split("\n").entries()) {
    const [role, token, agentIds] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (!role) continue;
    const place = `${path}:${index + 1}:1`;
    if (!isRole(role)) throw new Error(`${place}: unknown role; use viewer, editor or agent`);
    if (token === undefined || token.length < minimumLength) {
      throw new Error(`${place}: token too short; use at least ${minimumLength} characters`);
    }
    if (agentIds !== undefined && role !== "agent") {
      throw new Error(`${place}: agent ids after a ${role}'s token; remove them`);
    }
    tokens.push(agentIds === undefined ? { role, token } : { role, token, agentIds: agentIds.split(",") });
  }
  if (tokens.length === 0) {
    throw new Error(`Cannot use ${path}: no token in it; remove the file to have it made anew`);
  }
  return tokens;
}

/** Reads the file of tokens, after making it with one editor's and one agent's token when there is none. */
export async function ensureTokenFile(path: string): Promise<Token[]> {
  const text = comment + makeTokens().map(({ role, token }) => `${role} ${token}\n`).join("");
  try {
    await Deno.writeTextFile(path, text, { createNew: true, mode: 0o600 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
  return await readTokenFile(path);
}

/** One editor's and one agent's token. */
export function makeTokens(): Token[] {
  return [{ role: "editor", token: makeToken() }, { role: "agent", token: makeToken() }];
}

/** A token nobody can guess: 256 bits, safe in URLs. */
export function makeToken(): string {
  return randomBytes(32).toString("base64url");
}

function isRole(text: string): text is Role {
  return text === "viewer" || text === "editor" || text === "agent";
}
