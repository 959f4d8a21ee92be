import { createLogger } from "../../lib/log.ts";
import { readTokenFile } from "../backend/token_file.ts";
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

/** Why the agent ends when nobody asked for it. */
const serverIsGone = "the server is gone";

/** `stakeout up`: the backend in a process of its own without rights, the agent in this one; neither outlives the other. */
export async function runUp(options: UpOptions): Promise<number> {
  const { config, open } = options;
  const logger = createLogger({ format: config.logFormat, level: config.logLevel });
  const folder = config.stateFolder;
  const serverFolder = `${folder}/server`;
  await Deno.mkdir(folder, { recursive: true, mode: 0o711 });
  await Deno.mkdir(serverFolder, { recursive: true, mode: 0o700 });
  const configFile = `${folder}/server.yaml`;
  await writeServerConfig(config, configFile);
  const user = await serverUser(serverFolder, logger);
  const server = startServer(serverFolder, configFile, user);
  const abort = new AbortController();
  using reload = new DisposableStack();
  using _signals = onEndSignal((signal) => abort.abort(signal));
  const serverEnded = server.status.then(({ code, signal }) => {
    abort.abort(serverIsGone);
    return { code, how: signal === null ? `with code ${code}` : `by ${signal}` };
  });
  try {
    const loginUrl = await firstLine(server.stdout);
    if (loginUrl === undefined) return (await serverEnded).code || 1;
    const url = new URL(loginUrl).origin;
    const token = await readAgentToken(`${serverFolder}/tokens`);
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
  if (abort.signal.reason !== serverIsGone) return 0;
  const { how } = await serverEnded;
  throw new CommandError(
    `The server ended ${how}, and the agent with it; see the log above, then start anew`,
    {
      exitCode: 1,
    },
  );
}

/** From the file that the server makes at its first start: we write nothing where another user could lay links. */
async function readAgentToken(path: string): Promise<string> {
  const token = (await readTokenFile(path)).find(({ role }) => role === "agent")?.token;
  if (token !== undefined) return token;
  throw new CommandError(`${path} has no agent's token; remove the file to have it made anew`, {
    exitCode: 2,
  });
}

/**
 * The server may not be able to read our files: it gets what concerns it, nothing secret, in one that all may read.
 * JSON is YAML, too.
 */
async function writeServerConfig(config: Config, path: string): Promise<void> {
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
  await writeWhole(path, new TextEncoder().encode(JSON.stringify(source, null, 2)), 0o644);
}

function startServer(
  stateFolder: string,
  configFile: string,
  user: { uid: number; gid: number } | undefined,
): Deno.ChildProcess {
  const [command, ...args] = selfCommand([
    "server",
    "--lifeline",
    "--state",
    stateFolder,
    "--config",
    configFile,
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
