import type { LiveProcess } from "../discovery.ts";
import type { HttpProcess } from "./http_process.ts";
import type { PendingReading } from "./pending_requests.ts";

/** A process and what is counted of it. */
export interface FollowedProcess {
  readonly live: LiveProcess;
  readonly http: HttpProcess;
  /** Whether a policy allows to read its TLS. */
  tls: boolean;
  /** Requests in flight when they were last read; undefined before. */
  pending: PendingReading | undefined;
  /** Whether it is counted no longer. */
  left: boolean;
}
