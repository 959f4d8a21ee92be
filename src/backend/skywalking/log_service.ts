import type { ServiceImpl } from "@connectrpc/connect";
import type { LogReportService } from "../../gen/skywalking/v3/logging_pb.ts";
import { noCommands } from "./call_context.ts";
import { NetworkParts } from "./network_parts.ts";
import type { RoverShared } from "./rover_shared.ts";

/** Takes the requests that network profiling sampled. Every other log is answered, and nothing of it kept. */
export function createLogService(options: RoverShared): ServiceImpl<typeof LogReportService> {
  return {
    async collect(stream, context) {
      const network = new NetworkParts(options, context);
      try {
        for await (const log of stream) {
          network.addLog(log);
          if (network.isFull) await network.store();
        }
      } finally {
        await network.store();
      }
      return noCommands;
    },
  };
}
