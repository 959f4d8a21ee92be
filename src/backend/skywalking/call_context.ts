import { Code, ConnectError, createContextKey, type HandlerContext } from "@connectrpc/connect";
import { principalKey } from "../request_gate.ts";

/** The connection that a call came over; a proxy's may carry the calls of several agents. */
export const sessionKey = createContextKey<object>({}, { description: "session" });

/** The answer that says there is nothing to do. */
export const noCommands = { commands: [] };

/** @throws {ConnectError} When the token of a call is for other agents. */
export function requireAgent(agentId: string, context: HandlerContext): void {
  const allowed = context.values.get(principalKey)?.agentIds;
  if (allowed === undefined || allowed.includes(agentId)) return;
  throw new ConnectError(
    `This token is for other agents than ${agentId}; use one that is made for it`,
    Code.PermissionDenied,
  );
}

/** Makes a command with a serial number, as SkyWalking's agents want each to have. */
export function makeCommand(command: string, args: Readonly<Record<string, string>>) {
  const all = { SerialNumber: crypto.randomUUID(), ...args };
  return { command, args: Object.entries(all).map(([key, value]) => ({ key, value })) };
}
