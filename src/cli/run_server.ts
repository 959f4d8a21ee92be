import { createLogger } from "../../lib/log.ts";
import { makeAssets } from "../backend/assets.ts";
import type { Token } from "../backend/auth.ts";
import { type Backend, startBackend } from "../backend/backend.ts";
import { dropServerPermissions } from "../backend/server_permissions.ts";
import { ensureTokenFile, makeTokens, readTokenFile } from "../backend/token_file.ts";
import { type Config, parseAddress } from "../model/config.ts";
import { version } from "../model/version.ts";
import { readBuiltFolder } from "./built_file.ts";
import { CommandError } from "./command_error.ts";
import type { ServerOptions } from "./options.ts";
import { printLine } from "./output.ts";
import { openStateFolder } from "./state_folder.ts";
import { aborted, onEndSignal } from "./until_signal.ts";
import { writeWhole } from "./write_profile.ts";

/** `stakeout server`: backend and UI. Prints the URL to open, with a token, when it serves. */
export async function runServer({ config, lifeline }: ServerOptions): Promise<number> {
  const logger = createLogger({ format: config.logFormat, level: config.logLevel });
  const stateFolder = await openStateFolder(config, logger);
  dropServerPermissions();
  const { grpcListen, tls } = config;
  let tokens: Token[];
  let backend: Backend;
  try {
    tokens = await readTokens(config, stateFolder);
    backend = await startBackend({
      ...requireAddress(config.listen, "--listen"),
      ...(grpcListen === "" ? {} : { grpcListen: requireAddress(grpcListen, "--grpc-listen") }),
      ...(tls.certFile === "" ? {} : { tls }),
      ...{ stateFolder, tokens, logger, version },
      assets: makeAssets(readBuiltFolder("ui")),
      hostNames: config.hostNames,
      retention: config.retention,
    });
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError((error as Error).message, { exitCode: 1, cause: error });
  }
  const { url } = backend;
  const token = tokens.find(({ role }) => role === "editor") ?? tokens[0]!;
  if (stateFolder !== undefined) await leaveForClients(stateFolder, url, token.token);
  logger.info("The backend serves", {
    url,
    ...(backend.grpcPort === undefined ? {} : { grpcPort: backend.grpcPort }),
  });
  printLine(`${url}/login?token=${token.token}`);
  const agentToken = tokens.find(({ role }) => role === "agent");
  if (lifeline !== undefined && agentToken !== undefined) printLine(agentToken.token);
  await untilEnd(lifeline?.signal);
  logger.info("The backend ends");
  await backend.close();
  return 0;
}

/** What client commands on this host find the backend by. */
async function leaveForClients(stateFolder: string, url: string, token: string): Promise<void> {
  for (const [name, text] of [["url", url], ["token", token]] as const) {
    await writeWhole(`${stateFolder}/${name}`, new TextEncoder().encode(`${text}\n`), 0o600);
  }
}

async function readTokens({ backend }: Config, stateFolder: string | undefined): Promise<Token[]> {
  if (backend.tokenFile !== "") return await readTokenFile(backend.tokenFile);
  return stateFolder === undefined ? makeTokens() : await ensureTokenFile(`${stateFolder}/tokens`);
}

function requireAddress(text: string, flag: string): { hostname: string; port: number } {
  const address = parseAddress(text);
  if (address !== undefined) return address;
  throw new CommandError(`${text} is no address; write host:port after ${flag}`, { exitCode: 2 });
}

/** Until a signal of the system comes, or where there is a lifeline until that ends. */
async function untilEnd(lifeline: AbortSignal | undefined): Promise<void> {
  if (lifeline !== undefined) return await aborted(lifeline);
  const { promise, resolve } = Promise.withResolvers<void>();
  using _signals = onEndSignal(() => resolve());
  await promise;
}
