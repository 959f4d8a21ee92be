import {
  type CapabilityName,
  clearAmbientCapabilities,
  limitCapabilities,
  readCapabilities,
} from "../../lib/sys/capability.ts";
import { isInHostNamespace } from "../../lib/sys/namespace.ts";
import { becomeUser, type User } from "../../lib/sys/user.ts";
import { agentCapabilities } from "./agent_rights.ts";

/** The user and group that have no rights on any Linux. */
export const nobody: User = { uid: 65534, gid: 65534 };

/** What it takes to start a process as nobody, give it its folder, and become nobody oneself. */
const neededToChangeUser: readonly CapabilityName[] = ["CAP_SETUID", "CAP_SETGID", "CAP_CHOWN"];

/** Whether this process can hand work over to nobody: the host's root can, unless a container left it no such right. */
export function canBecomeNobody(): boolean {
  if (Deno.uid() !== 0 || !isInHostNamespace("user")) return false;
  const held = readCapabilities();
  return neededToChangeUser.every((name) => held.has(name));
}

/**
 * What `up` starts from here on holds an agent's capabilities at most and can gain no other. Limits belong to the thread
 * that starts a process, so they hold in the whole of that process, from its first instruction.
 */
export function limitToAgentRights(): void {
  if (canLimit()) limitCapabilities(agentCapabilities);
}

/** What `up` starts from here on holds no capability and can gain none; as root too, that is as uid 0. */
export function limitToServerRights(): void {
  clearAmbientCapabilities();
  if (canLimit()) limitCapabilities(new Set());
}

/** `up` has started all it starts: where it is root it becomes nobody, in every thread and without any capability. */
export function leaveRoot(): void {
  if (canBecomeNobody()) becomeUser(nobody);
}

function canLimit(): boolean {
  return readCapabilities().has("CAP_SETPCAP");
}
