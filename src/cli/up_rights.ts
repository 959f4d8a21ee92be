import { clearAmbientCapabilities, limitCapabilities } from "../../lib/sys/capability.ts";
import { becomeUser, type User } from "../../lib/sys/user.ts";
import { agentCapabilities } from "./agent_rights.ts";

/** The user and group that have no rights on any Linux. */
export const nobody: User = { uid: 65534, gid: 65534 };

/**
 * What `up` starts from here on holds an agent's capabilities at most and can gain no other. Limits belong to the thread
 * that starts a process, so they hold in the whole of that process, from its first instruction.
 */
export function limitToAgentRights(): void {
  if (Deno.uid() === 0) limitCapabilities(agentCapabilities);
}

/** What `up` starts from here on holds no capability and can gain none; as root too, that is as uid 0. */
export function limitToServerRights(): void {
  if (Deno.uid() === 0) limitCapabilities(new Set());
  else clearAmbientCapabilities();
}

/** `up` has started all it starts: where it is root it becomes nobody, in every thread and without any capability. */
export function leaveRoot(): void {
  if (Deno.uid() === 0) becomeUser(nobody);
}
