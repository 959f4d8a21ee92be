import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { type Client, createClient } from "@connectrpc/connect";
import type { Logger } from "../../lib/log.ts";
import {
  type AgentInfo,
  AgentService,
  RecordSchema,
  ReportRequestSchema,
} from "../gen/stakeout/v1/agent_service_pb.ts";
import type { QueuedRecord, RecordBody, ReportWire } from "./report_wire.ts";
import type { RecordClass, SpoolRecord } from "./spool_record.ts";
import { type AgentTransport, describeBackendError } from "./transport.ts";

const classOfCase: Readonly<Record<string, RecordClass>> = {
  task: "task",
  profile: "profile",
  network: "profile",
  refusal: "refusal",
  metrics: "metrics",
};
const deadlineMs = 15_000;

/**
 * Stakeout's own wire: AgentService.Report. The queue holds serialized stakeout.v1.Records without their sequences.
 * Loss: a record the backend refuses for good is logged and forgotten.
 */
export class StakeoutWire implements ReportWire {
  readonly url: string;
  readonly gatherMs = 2_000;
  readonly #agent: AgentInfo;
  readonly #logger: Logger;
  readonly #client: Client<typeof AgentService>;

  constructor(options: { backend: AgentTransport; agent: AgentInfo; logger: Logger }) {
    this.url = options.backend.url;
    this.#agent = options.agent;
    this.#logger = options.logger;
    this.#client = createClient(AgentService, options.backend.transport);
  }

  encode(body: RecordBody): readonly QueuedRecord[] {
    const bytes = toBinary(RecordSchema, create(RecordSchema, { body }));
    return [{ class: classOfCase[body.case] ?? "other", body: bytes }];
  }

  async send(records: readonly SpoolRecord[], signal: AbortSignal): Promise<number> {
    const request = create(ReportRequestSchema, { agent: this.#agent });
    // The bodies are serialized already. As unknown fields of the number of `records` they go out as they are.
    request.$unknown = records.map((record) => ({
      no: ReportRequestSchema.field.records.number,
      wireType: WireType.LengthDelimited,
      data: frameRecord(record),
    }));
    const response = await this.#client.report(request, { signal, timeoutMs: deadlineMs });
    for (const refusal of response.refusals) {
      this.#logger.warn("The backend refuses a record for good", {
        sequence: refusal.sequence,
        reason: refusal.reason,
      });
    }
    return Number(response.acknowledgedSequence);
  }

  describeError(error: unknown): string {
    return describeBackendError(error, this.url);
  }
}

/** A stakeout.v1.Record with its sequence, behind its length. */
function frameRecord(record: SpoolRecord): Uint8Array {
  const sequence = new BinaryWriter()
    .tag(RecordSchema.field.sequence.number, WireType.Varint).uint64(record.sequence).finish();
  return new BinaryWriter().uint32(sequence.length + record.body.length).raw(sequence).raw(record.body)
    .finish();
}
