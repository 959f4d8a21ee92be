import { Code, ConnectError, createContextKey, type HandlerContext } from "@connectrpc/connect";
import { type Authenticator, methodRoles, type Principal } from "./auth.ts";

/** Who calls, set by the gate before any handler runs. */
export const principalKey = createContextKey<Principal | undefined>(undefined, { description: "principal" });

/** Address of the caller, for limits per peer. */
export const peerKey = createContextKey<string>("", { description: "peer" });

/** Makes the check that every RPC passes before its body is read. */
export function createRequestGate(authenticator: Authenticator): (context: HandlerContext) => void {
  return (context) => {
    const principal = authenticator.authenticate(context.requestHeader);
    if (principal === undefined) {
      throw new ConnectError("No valid token; send it as Authorization: Bearer TOKEN", Code.Unauthenticated);
    }
    const method = `${context.service.typeName}/${context.method.name}`;
    const roles = Object.hasOwn(methodRoles, method) ? methodRoles[method] ?? [] : [];
    if (!roles.includes(principal.role)) {
      throw new ConnectError(
        `A token of role ${principal.role} may not call ${method}; use one of role ${roles.join(" or ")}`,
        Code.PermissionDenied,
      );
    }
    context.values.set(principalKey, principal);
  };
}
