import type { Logger } from "../../lib/log.ts";
import type { BackendLink } from "../agent/backend_link.ts";
import { openStakeoutLink } from "../agent/stakeout_link.ts";
import type { AgentState } from "../agent/state.ts";
import type { Config } from "../model/config.ts";
import { CommandError } from "./command_error.ts";

/** Where an agent reports, and what it shows there. */
export interface BackendChoice {
  readonly url: string;
  /** Of the agent role. */
  readonly token: string;
}

/** Bonds an agent with its backend. @throws {CommandError} when a file of its configuration cannot be used. */
export function openLink(
  { url, token }: BackendChoice,
  parts: { config: Config; state: AgentState; logger: Logger },
): BackendLink {
  const { caFile } = parts.config.tls;
  try {
    return openStakeoutLink({ url, token, ...(caFile === "" ? {} : { caFile }) }, parts);
  } catch (error) {
    throw new CommandError((error as Error).message, { exitCode: 2, cause: error });
  }
}
