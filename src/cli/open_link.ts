import type { Logger } from "../../lib/log.ts";
import type { BackendLink } from "../agent/backend_link.ts";
import { openStakeoutLink } from "../agent/stakeout_link.ts";
import type { AgentState } from "../agent/state.ts";
import { isOapUrl } from "../model/backend_url.ts";
import type { Config } from "../model/config.ts";
import { CommandError } from "./command_error.ts";

/** Where an agent reports, and what it shows there. */
export interface BackendChoice {
  readonly url: string;
  /** Of the agent role; `""` for an OAP that asks for none. */
  readonly token: string;
}

/** A queue for each wire: a record is kept in the form in which it is sent. */
export function queueName({ url }: BackendChoice): string {
  return isOapUrl(url) ? "queue-skywalking" : "queue";
}

/** Bonds an agent with its backend. @throws {CommandError} when a file of its configuration cannot be used. */
export async function openLink(
  { url, token }: BackendChoice,
  parts: { config: Config; state: AgentState; logger: Logger },
): Promise<BackendLink> {
  const { tls: { caFile, certFile, keyFile }, skywalking } = parts.config;
  try {
    if (!isOapUrl(url)) {
      return openStakeoutLink({ url, token, ...(caFile === "" ? {} : { caFile }) }, parts);
    }
    // Only with an OAP: node's HTTP/2 and the messages take a while to load.
    const { openSkyWalkingLink } = await import("../agent/skywalking/link.ts");
    return openSkyWalkingLink({ url, token, caFile, certFile, keyFile }, { ...parts, settings: skywalking });
  } catch (error) {
    throw new CommandError((error as Error).message, { exitCode: 2, cause: error });
  }
}
