import { createLogger, type Logger } from "../../lib/log.ts";
import type { Config } from "../model/config.ts";
import { CommandError } from "./command_error.ts";
import { memoryState } from "./load_config.ts";
import type { UpOptions } from "./options.ts";
import { printLine } from "./output.ts";
import { onHangup } from "./reload.ts";
import { serverUser } from "./server_user.ts";
import { openStateFolder } from "./state_folder.ts";
import { aborted, onEndSignal } from "./until_signal.ts";
import { UpChild } from "./up_child.ts";
import { leaveRoot, limitToAgentRights, limitToServerRights } from "./up_rights.ts";
import { writeWhole } from "./write_profile.ts";

/**
 * `stakeout up`: a process without rights that holds the lifelines of two others, the agent and the backend. None outlives
 * the rest. The rights of each are settled before it starts, so the one with more is started first; it waits to be told
 * where the other serves.
 */
export async function runUp(options: UpOptions): Promise<number> {
  const { config } = options;
  const logger = createLogger({ format: config.logFormat, level: config.logLevel });
  const folder = await openStateFolder(config, logger);
  const serverFolder = folder === undefined ? undefined : `${folder}/server`;
  if (folder !== undefined) {
    for (const part of ["server", "agent"]) {
      await Deno.mkdir(`${folder}/${part}`, { recursive: true, mode: 0o700 });
    }
  }
  const user = await serverUser(serverFolder, logger);

  const abort = new AbortController();
  let interrupted = false;
  using _signals = onEndSignal(() => {
    interrupted = true;
    abort.abort();
  });
  limitToAgentRights();
  const agent = new UpChild("agent", agentArguments(options, folder));
  limitToServerRights();
  const serverArguments = [
    "--state",
    serverFolder ?? memoryState,
    "--config-text",
    writeServerConfig(config),
  ];
  const server = new UpChild("server", serverArguments, user);
  using _hangup = onHangup(() => void agent.tell("reload"));
  for (const child of [agent, server]) void child.ended.then(() => abort.abort(child));
  const ending = aborted(abort.signal).then(() => endAll(agent, server, logger));
  let ready = false;
  await bringTogether(agent, server, folder, options.open).then(
    (together) => ready = together,
    (error) => abort.abort(error),
  );
  await ending;
  const { reason } = abort.signal;
  if (interrupted) return 0;
  if (!(reason instanceof UpChild)) throw reason;
  const { code, how } = await reason.ended;
  // It has said itself why it cannot start.
  if (!ready) return code || 1;
  const other = reason === server ? agent : server;
  throw new CommandError(
    `The ${reason.name} ended ${how}, and the ${other.name} with it; see the log above, then start anew`,
    { exitCode: 1 },
  );
}

/** The agent first: it sends to the server what its tasks took until now. */
async function endAll(agent: UpChild, server: UpChild, logger: Logger): Promise<void> {
  for (const child of [agent, server]) {
    if (!await child.end()) logger.warn("A process of up does not end; kill it", { process: child.name });
  }
}

/** Waits until the backend serves and the agent watches. False when one of them has ended before. */
async function bringTogether(
  agent: UpChild,
  server: UpChild,
  folder: string | undefined,
  open: boolean,
): Promise<boolean> {
  const loginUrl = await server.nextLine();
  if (loginUrl === undefined) return await server.ended.then(() => false);
  const { origin: url, searchParams } = new URL(loginUrl);
  const token = await server.nextLine();
  if (token === undefined) {
    throw new CommandError(
      "The server has no agent's token; remove its file of tokens to have it made anew",
      {
        exitCode: 2,
      },
    );
  }
  if (folder !== undefined) await leaveForClients(folder, url, searchParams.get("token") ?? "");
  const mayOpen = open && Deno.uid() !== 0;
  leaveRoot();
  await agent.tell(`backend ${url} ${token}`);
  if (await agent.nextLine() === undefined) return await agent.ended.then(() => false);
  printLine(`ready: open ${loginUrl}`);
  if (mayOpen) openInBrowser(loginUrl);
  return true;
}

/** What the agent needs to find the same settings as this process, now and when it reads them anew. */
function agentArguments({ flags }: UpOptions, folder: string | undefined): string[] {
  const { config: configFile, logFormat, logLevel } = flags;
  return [
    ...["--state", folder ?? memoryState],
    ...(configFile === undefined ? [] : ["--config", configFile]),
    ...(logFormat === undefined ? [] : ["--log-format", logFormat]),
    ...(logLevel === undefined ? [] : ["--log-level", logLevel]),
  ];
}

/**
 * The server may not be able to read our files: it gets what concerns it, nothing secret, with its command line. JSON is YAML,
 * too.
 */
function writeServerConfig(config: Config): string {
  const { listen, grpcListen, tls, logFormat, logLevel, retention, hostNames } = config;
  const source = {
    ...{ listen, log_format: logFormat, log_level: logLevel, host_names: hostNames },
    retention: {
      per_second_hours: retention.perSecondHours,
      minute_days: retention.minuteDays,
      task_days: retention.taskDays,
      profile_bytes: retention.profileBytes,
    },
    ...(grpcListen === "" ? {} : { grpc_listen: grpcListen }),
    ...(tls.certFile === "" ? {} : { tls: { cert_file: tls.certFile, key_file: tls.keyFile } }),
  };
  return JSON.stringify(source);
}

async function leaveForClients(folder: string, url: string, token: string): Promise<void> {
  for (const [name, text] of [["url", url], ["token", token]] as const) {
    await writeWhole(`${folder}/${name}`, new TextEncoder().encode(`${text}\n`), 0o600);
  }
}

function openInBrowser(loginUrl: string): void {
  const hasDesktop = Deno.env.get("DISPLAY") !== undefined || Deno.env.get("WAYLAND_DISPLAY") !== undefined;
  if (!hasDesktop) return;
  try {
    new Deno.Command("xdg-open", { args: [loginUrl], stdin: "null", stdout: "null", stderr: "null" }).spawn()
      .unref();
  } catch {
    // The URL is printed; who has no xdg-open opens it by hand.
  }
}
