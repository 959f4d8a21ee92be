import { type Command, Option } from "commander";
import { parseListen, parseUrl } from "./parse_option.ts";

/** Options of the whole program, understood before and after every command. */
export function addGlobalOptions(program: Command): void {
  program
    .addOption(new Option("--config <file>", "configuration file").env("STAKEOUT_CONFIG"))
    .addOption(
      new Option("--state <folder>", "where state is kept, :memory: for nowhere").env(
        "STAKEOUT_STATE",
      ),
    )
    .addOption(
      new Option("--log-format <format>", "format of the log on standard error")
        .choices(["logfmt", "json"]).env("STAKEOUT_LOG_FORMAT"),
    )
    .addOption(
      new Option("--log-level <level>", "least urgent level logged")
        .choices(["debug", "info", "warn", "error"]).env("STAKEOUT_LOG_LEVEL"),
    );
}

/** Options of a command that serves. */
export function addListenOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--listen <host:port>", "address of UI, Connect and gRPC-Web (default: 127.0.0.1:7471)")
        .argParser(parseListen).env("STAKEOUT_LISTEN"),
    )
    .addOption(
      new Option(
        "--grpc-listen <host:port>",
        "address of gRPC proper, also for SkyWalking's agents (default: off)",
      )
        .argParser(parseListen).env("STAKEOUT_GRPC_LISTEN"),
    )
    .addOption(new Option("--tls-cert <file>", "certificate, PEM").env("STAKEOUT_TLS_CERT"))
    .addOption(new Option("--tls-key <file>", "its private key, PEM").env("STAKEOUT_TLS_KEY"));
}

/** Options of a command that profiles. */
export function addProfilingOptions(command: Command): Command {
  return command.option(
    "--debuginfod",
    "fetch debug files of stripped programs (servers: DEBUGINFOD_URLS, or configured)",
  );
}

/** Options of a command that talks to a backend. */
export function addBackendOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--backend <url>", "backend (default: the local `stakeout up`)")
        .argParser(parseUrl).env("STAKEOUT_BACKEND"),
    )
    .addOption(new Option("--token-file <file>", "file with the token; or set STAKEOUT_TOKEN")
      .env("STAKEOUT_TOKEN_FILE"))
    .addOption(
      new Option("--tls-ca <file>", "certificate authority to trust as well, PEM").env("STAKEOUT_TLS_CA"),
    );
}

/** How a command of the backend's data prints. */
export function addOutputOption(command: Command): Command {
  return command.addOption(
    new Option("-o, --output <format>", "how to print").choices(["table", "json"]).default("table"),
  );
}
