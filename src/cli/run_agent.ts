import { createLogger } from "../../lib/log.ts";
import { isOapUrl } from "../model/backend_url.ts";
import type { Config } from "../model/config.ts";
import { findBackendUrl, readOapToken, readToken } from "./backend_client.ts";
import type { Lifeline } from "./lifeline.ts";
import type { BackendChoice } from "./open_link.ts";
import type { AgentOptions } from "./options.ts";
import { printLine } from "./output.ts";
import { agentReload, onHangup } from "./reload.ts";
import { runReportingAgent } from "./reporting_agent.ts";
import { onEndSignal } from "./until_signal.ts";

/** `stakeout agent`: watches this host and reports to a backend until it is told to end, by a signal or its lifeline. */
export async function runAgent(options: AgentOptions): Promise<number> {
  const { config, lifeline } = options;
  const logger = createLogger({ format: config.logFormat, level: config.logLevel });
  const backend = lifeline === undefined ? await findBackend(config) : await lifeline.backend;
  if (backend === undefined) return 0;
  const abort = new AbortController();
  using stack = new DisposableStack();
  if (lifeline === undefined) stack.use(onEndSignal(() => abort.abort()));
  await runReportingAgent({
    ...{ config, logger, ...backend, signal: lifeline?.signal ?? abort.signal },
    ownPids: ownPids(lifeline),
    onReady({ pipeline }) {
      logger.info("The agent watches this host");
      const reload = agentReload(options, logger, pipeline);
      if (lifeline === undefined) stack.use(onHangup(() => void reload()));
      else lifeline.onReload(() => void reload());
      if (lifeline !== undefined) printLine("ready");
    },
  });
  return 0;
}

async function findBackend(config: Config): Promise<BackendChoice> {
  const url = await findBackendUrl(config);
  return { url, token: isOapUrl(url) ? await readOapToken(config) : await readToken(config) };
}

/** With a lifeline the server is another child of who holds it. */
function ownPids(lifeline: Lifeline | undefined): number[] {
  return lifeline === undefined ? [Deno.pid] : [Deno.pid, Deno.ppid];
}
