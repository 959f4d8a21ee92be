import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RecordSchema } from "../gen/stakeout/v1/agent_service_pb.ts";
import type { SpoolRecord } from "./spool_record.ts";

/** What a record may hold: one case of stakeout.v1.Record. */
export type RecordBody = NonNullable<MessageInitShape<typeof RecordSchema>["body"]> & { case: string };

/** What the queue keeps of a record, in the form that its wire sends. */
export type QueuedRecord = Pick<SpoolRecord, "class" | "body">;

/** How records go to a backend, whichever protocol it speaks. */
export interface ReportWire {
  /** For people and the log. */
  readonly url: string;
  /** How long a record may wait for others to go with, tasks and profiles apart; 0 when none waits. */
  readonly gatherMs: number;
  /** What is to be queued of a record; nothing where the protocol has no place for it. */
  encode(body: RecordBody): readonly QueuedRecord[];
  /**
   * Sends queued records in ascending order and resolves to the sequence at or below which all may be forgotten; with
   * none it only finds out whether the backend takes any.
   * @throws {ConnectError} with `InvalidArgument` when a record of these is refused for good, with another code when they
   * are to be sent again
   */
  send(records: readonly SpoolRecord[], signal: AbortSignal): Promise<number>;
  /** One sentence for people: what is wrong, and the fix. */
  describeError(error: unknown): string;
}
