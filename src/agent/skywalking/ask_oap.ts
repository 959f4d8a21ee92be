import { createClient } from "@connectrpc/connect";
import { ContinuousProfilingService } from "../../gen/skywalking/v3/continuous_profiling_pb.ts";
import { describeOapError } from "./oap_error.ts";
import { createOapTransport, type OapOptions } from "./transport.ts";

/** Asks an OAP for nothing; tells in one sentence why it cannot be used, undefined when it can. */
export async function askOap(options: OapOptions, timeoutMs: number): Promise<string | undefined> {
  try {
    const oap = createOapTransport(options);
    try {
      await createClient(ContinuousProfilingService, oap.transport).queryPolicies({}, { timeoutMs });
    } finally {
      oap.close();
    }
    return undefined;
  } catch (error) {
    return describeOapError(error, options.url);
  }
}
