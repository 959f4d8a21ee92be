import { createLogger } from "../../lib/log.ts";
import { ensureTokenFile } from "../backend/token_file.ts";
import type { Config } from "../model/config.ts";
import { CommandError } from "./command_error.ts";
import type { UpOptions } from "./options.ts";
import { printLine } from "./output.ts";
import { followServices } from "./reload.ts";
import { runReportingAgent } from "./reporting_agent.ts";
import { selfCommand } from "./self_command.ts";
import { serverUser } from "./server_user.ts";
import { onEndSignal } from "./until_signal.ts";
import { writeWhole } from "./write_profile.ts";

/** `stakeout up`: the backend in a process of its own without rights, the agent in this one; neither outlives the other. */
export async function runUp(options: UpOptions): Promise<number> {
  const { config, open } = options;
  const logger = createLogger({ format: config.logFormat, level: config.logLevel });
  const folder = config.stateFolder;
  const serverFolder = `${folder}/server`;
  await Deno.mkdir(folder, { recursive: true, mode: 0o711 });
  await Deno.mkdir(serverFolder, { recursive: true, mode: 0o700 });
  const tokens = await ensureTokenFile(`${serverFolder}/tokens`);
  const token = tokens.find(({ role }) => role === "agent")?.token;
  if (token === undefined) {
    throw new CommandError(
      `${serverFolder}/tokens has no agent's token; remove the file to have it made anew`,
      {
        exitCode: 2,
      },
    );
  }
  await writeServerConfig(config, serverFolder);
  const user = await serverUser(serverFolder, logger);
  const server = startServer(serverFolder, user);
  const abort = new AbortController();
  using reload = new DisposableStack();
  using _signals = onEndSignal(() => abort.abort());
  const serverEnded = server.status.then(({ code }) => {
    abort.abort();
    return code;
  });
  try {
    const loginUrl = await firstLine(server.stdout);
    if (loginUrl === undefined) return await serverEnded || 1;
    const url = new URL(loginUrl).origin;
    await leaveForClients(folder, url, new URL(loginUrl).searchParams.get("token") ?? "");
    await runReportingAgent({
      ...{ config, logger, url, token, signal: abort.signal },
      onReady({ pipeline }) {
        reload.use(followServices(options, logger, pipeline));
        announce(loginUrl, open);
      },
    });
  } finally {
    // The end of its standard input ends the server.
    await server.stdin.close().catch(() => {});
    await serverEnded;
  }
  return 0;
}

/** The server may not be able to read our files: it gets what concerns it in one of its own. JSON is YAML, too. */
async function writeServerConfig(config: Config, stateFolder: string): Promise<void> {
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
  await writeWhole(configFile(stateFolder), new TextEncoder().encode(JSON.stringify(source, null, 2)), 0o600);
}

function configFile(stateFolder: string): string {
  return `${stateFolder}/config.yaml`;
}

function startServer(
  stateFolder: string,
  user: { uid: number; gid: number } | undefined,
): Deno.ChildProcess {
  const [command, ...args] = selfCommand([
    "server",
    "--lifeline",
    "--state",
    stateFolder,
    "--config",
    configFile(stateFolder),
  ]);
  return new Deno.Command(command, { args, ...user, stdin: "piped", stdout: "piped" }).spawn();
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string | undefined> {
  let text = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    text += part;
    const end = text.indexOf("\n");
    if (end >= 0) return text.slice(0, end);
  }
  return undefined;
}

async function leaveForClients(folder: string, url: string, token: string): Promise<void> {
  for (const [name, text] of [["url", url], ["token", token]] as const) {
    await writeWhole(`${folder}/${name}`, new TextEncoder().encode(`${text}\n`), 0o600);
  }
}

function announce(loginUrl: string, open: boolean): void {
  printLine(`ready: open ${loginUrl}`);
  const hasDesktop = Deno.env.get("DISPLAY") !== undefined || Deno.env.get("WAYLAND_DISPLAY") !== undefined;
  if (!open || !hasDesktop || Deno.uid() === 0) return;
  try {
    new Deno.Command("xdg-open", { args: [loginUrl], stdin: "null", stdout: "null", stderr: "null" }).spawn()
      .unref();
  } catch {
    // The URL is printed; who has no xdg-open opens it by hand.
  }
}
