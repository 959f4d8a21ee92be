import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { PolicyService } from "../gen/stakeout/v1/policy_service_pb.ts";
import { QueryService } from "../gen/stakeout/v1/query_service_pb.ts";
import { TaskService } from "../gen/stakeout/v1/task_service_pb.ts";

/** The backend's services, as this page's cookie may call them. */
export interface Api {
  readonly query: Client<typeof QueryService>;
  readonly policies: Client<typeof PolicyService>;
  readonly tasks: Client<typeof TaskService>;
}

const transport = createConnectTransport({ baseUrl: location.origin, useBinaryFormat: true });

/** Clients of the backend that served this page. */
export const api: Api = {
  query: createClient(QueryService, transport),
  policies: createClient(PolicyService, transport),
  tasks: createClient(TaskService, transport),
};

/** One sentence for people about why a call failed, with what to do. */
export function explainError(error: unknown): string {
  const { code, rawMessage } = ConnectError.from(error);
  switch (code) {
    case Code.Unavailable:
    case Code.Unknown:
      return `The backend does not answer (${rawMessage || "no connection"}). Is it running?`;
    case Code.DeadlineExceeded:
      return "The backend took too long. Try again, or ask for a shorter time range.";
    case Code.PermissionDenied:
      return `Not allowed: ${rawMessage}`;
    default:
      return rawMessage || Code[code];
  }
}
