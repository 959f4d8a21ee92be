import { createLogger } from "../../lib/log.ts";
import { keepAgentRights } from "./agent_rights.ts";
import { findBackendUrl, readToken } from "./backend_client.ts";
import type { AgentOptions } from "./options.ts";
import { followServices } from "./reload.ts";
import { runReportingAgent } from "./reporting_agent.ts";
import { onEndSignal } from "./until_signal.ts";

/** `stakeout agent`: watches this host and reports to a backend until it is told to end. */
export async function runAgent(options: AgentOptions): Promise<number> {
  keepAgentRights();
  const { config } = options;
  const logger = createLogger({ format: config.logFormat, level: config.logLevel });
  const abort = new AbortController();
  using _signals = onEndSignal(() => abort.abort());
  using reload = new DisposableStack();
  await runReportingAgent({
    ...{ config, logger, signal: abort.signal },
    url: await findBackendUrl(config),
    token: await readToken(config),
    onReady({ pipeline }) {
      logger.info("The agent watches this host");
      reload.use(followServices(options, logger, pipeline));
    },
  });
  return 0;
}
