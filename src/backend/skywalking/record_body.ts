import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RecordSchema } from "../../gen/stakeout/v1/agent_service_pb.ts";

/** What goes into a record of a report. */
export type RecordBody = NonNullable<MessageInitShape<typeof RecordSchema>["body"]>;
