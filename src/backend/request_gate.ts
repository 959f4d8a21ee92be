import { Code, ConnectError, createContextKey, type HandlerContext } from "@connectrpc/connect";
import { type Authenticator, methodRoles, type Principal, type Role, skyWalkingRoles } from "./auth.ts";

/** Who calls, set by the gate before any handler runs. */
export const principalKey = createContextKey<Principal | undefined>(undefined, { description: "principal" });

/** Address of the caller, for limits per peer. */
export const peerKey = createContextKey<string>("", { description: "peer" });

/** Makes the check that every RPC passes before its body is read. */
export function createRequestGate(authenticator: Authenticator): (context: HandlerContext) => void {
  return (context) => {
    const { service: { typeName }, requestHeader } = context;
    const isSkyWalking = typeName.startsWith("skywalking.");
    const principal = isSkyWalking
      ? authenticator.authenticateToken(requestHeader.get("authentication"))
      : authenticator.authenticate(requestHeader);
    if (principal === undefined) {
      const how = isSkyWalking ? "Authentication: TOKEN" : "Authorization: Bearer TOKEN";
      throw new ConnectError(`No valid token; send it as ${how}`, Code.Unauthenticated);
    }
    const method = `${typeName}/${context.method.name}`;
    const roles = isSkyWalking ? skyWalkingRoles : rolesOf(method);
    if (!roles.includes(principal.role)) {
      throw new ConnectError(
        `A token of role ${principal.role} may not call ${method}; use one of role ${roles.join(" or ")}`,
        Code.PermissionDenied,
      );
    }
    context.values.set(principalKey, principal);
  };
}

function rolesOf(method: string): readonly Role[] {
  return Object.hasOwn(methodRoles, method) ? methodRoles[method] ?? [] : [];
}
