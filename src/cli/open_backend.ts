import type { Command } from "commander";
import type { BackendClient } from "./backend_client.ts";
import { loadConfig } from "./load_config.ts";

/** The backend that a command's flags, environment and files name. RPC is loaded here: most commands need none. */
export async function openBackendOf(command: Command): Promise<BackendClient> {
  const { openBackend } = await import("./backend_client.ts");
  return await openBackend(await loadConfig(command.optsWithGlobals()));
}
