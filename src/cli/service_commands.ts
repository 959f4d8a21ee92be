import { type Command, Option } from "commander";
import { dropNativePermissions } from "../backend/server_permissions.ts";
import { CommandError } from "./command_error.ts";
import { keepAgentRights } from "./agent_rights.ts";
import { Lifeline } from "./lifeline.ts";
import { type ConfigFlags, loadConfig } from "./load_config.ts";
import type { ProfileFormat, ServiceOptions } from "./options.ts";
import { collectPids, collectValues, parseFrequency, parseMinimum, parseSeconds } from "./parse_option.ts";
import { readPolicyFiles } from "./policy_files.ts";
import { findProfileFormat } from "./profile_format.ts";
import { addBackendOptions, addListenOptions, addProfilingOptions } from "./shared_options.ts";

/** Commands that run until they are told to end: their functions resolve to the exit code. */
export function addServiceCommands(program: Command, end: (exitCode: number) => void): void {
  addProfilingOptions(addListenOptions(program.command("up")))
    .description("watch this host: backend, UI and agent in one")
    .option("--no-open", "do not open a browser")
    .addHelpText(
      "after",
      `
Examples:
  sudo stakeout up                               then open the printed URL
  sudo stakeout up --listen 127.0.0.1:8080 --state /srv/stakeout`,
    )
    .action(async (options: { open: boolean }, command: Command) => {
      const service = await readServiceOptions(command);
      const { runUp } = await import("./run_up.ts");
      end(await runUp({ ...service, open: options.open, flags: command.optsWithGlobals() }));
    });

  addProfilingOptions(addBackendOptions(program.command("agent")))
    .description("watch this host and report to a backend")
    .addOption(new Option("--tls-cert <file>", "certificate to show an OAP, PEM").env("STAKEOUT_TLS_CERT"))
    .addOption(new Option("--tls-key <file>", "its private key, PEM").env("STAKEOUT_TLS_KEY"))
    .addOption(new Option("--lifeline").hideHelp())
    .addHelpText(
      "after",
      `
Examples:
  sudo stakeout agent --backend skywalking://oap:11800      SkyWalking's OAP; skywalkings:// with TLS
  sudo stakeout agent --backend https://stakeout.example:7471 --token-file /etc/stakeout/token
  sudo stakeout agent --config /etc/stakeout/stakeout.yaml`,
    )
    .action(async (options: { lifeline?: boolean }, command: Command) => {
      keepAgentRights();
      const lifeline = holdLifeline(options);
      const service = await readServiceOptions(command);
      if (service.config.backend.url === "" && lifeline.lifeline === undefined) {
        throw new CommandError("No backend is given; add --backend URL, or run stakeout up or watch", {
          exitCode: 2,
        });
      }
      const { runAgent } = await import("./run_agent.ts");
      end(await runAgent({ ...service, ...lifeline }));
    });

  addListenOptions(program.command("server"))
    .description("backend and UI only; needs no privileges")
    .addOption(new Option("--lifeline").hideHelp())
    .addOption(new Option("--config-text <yaml>").hideHelp())
    .addHelpText(
      "after",
      `
Examples:
  stakeout server
  stakeout server --listen 0.0.0.0:7471 --tls-cert /etc/stakeout/cert.pem --tls-key /etc/stakeout/key.pem`,
    )
    .action(async (options: { lifeline?: boolean }, command: Command) => {
      dropNativePermissions();
      const lifeline = holdLifeline(options);
      const service = await readServiceOptions(command);
      const { runServer } = await import("./run_server.ts");
      end(await runServer({ ...service, ...lifeline }));
    });

  addProfilingOptions(program.command("watch"))
    .description("watch without a backend; each task becomes files")
    .requiredOption("-f, --file <file>", "policy file, - for standard input; may be repeated", collectValues)
    .requiredOption("-o, --output <folder>", "where the tasks are written; kept under 1 GiB")
    .option("--for <duration>", "end after this time (default: never)", parseSeconds)
    .addHelpText("after", "\nExample:\n  sudo stakeout watch -f checkout.yaml -o /tmp/tasks --for 30m")
    .action(async (options: { file: string[]; output: string; for?: number }, command: Command) => {
      const files = await readPolicyFiles(options.file);
      const service = await readServiceOptions(command);
      const { runWatch } = await import("./run_watch.ts");
      end(
        await runWatch({
          ...service,
          policies: files.flatMap(({ documents }) => documents),
          outputFolder: options.output,
          ...(options.for === undefined ? {} : { durationSeconds: options.for }),
        }),
      );
    });

  addRecordCommand(program, end);
}

interface RecordFlags {
  pid: number[];
  for: number;
  output?: string;
  frequency: number;
  format?: ProfileFormat;
  runtimeFrames?: boolean;
  offCpu?: boolean;
  minimum: number;
  network?: boolean;
}

function addRecordCommand(program: Command, end: (exitCode: number) => void): void {
  addProfilingOptions(program.command("record"))
    .description("take one profile now")
    .requiredOption("--pid <pid>", "process to profile; may be repeated", collectPids)
    .option("-o, --output <file>", "file to write; not needed with --network, which prints a table")
    .option("--for <duration>", "how long", parseSeconds, 10)
    .option("--frequency <hz>", "samples a second and CPU", parseFrequency, 99)
    .addOption(
      new Option("--format <format>", "pprof, folded or speedscope (default: by the file's name)")
        .choices(["pprof", "folded", "speedscope"]),
    )
    .option("--runtime-frames", "keep frames by which Node and Java run functions")
    .option("--off-cpu", "record where threads wait instead")
    .option("--minimum <duration>", "off-CPU: shortest wait that is kept", parseMinimum, 1)
    .option(
      "--network",
      "record whom the processes of the service talk to instead: a table, and JSON with -o",
    )
    .addHelpText(
      "after",
      `
Examples:
  sudo stakeout record --pid 4711 --for 10s -o checkout.pb.gz
  sudo stakeout record --pid 4711 --pid 4712 --frequency 999 -o checkout.folded
  sudo stakeout record --pid 4711 --off-cpu --minimum 0.1ms -o waits.pb.gz
  sudo stakeout record --pid 4711 --network --for 30s -o checkout.json`,
    )
    .action(async (options: RecordFlags, command: Command) => {
      if (options.network) {
        const service = await readServiceOptions(command);
        const { runRecordNetwork } = await import("./run_record_network.ts");
        const outputFile = options.output === undefined ? {} : { outputFile: options.output };
        return end(
          await runRecordNetwork({
            ...service,
            ...outputFile,
            pids: options.pid,
            durationSeconds: options.for,
          }),
        );
      }
      if (options.output === undefined) {
        throw new CommandError("required option '-o, --output <file>' not specified", { exitCode: 2 });
      }
      const format = findProfileFormat(options.output, options.format);
      const service = await readServiceOptions(command);
      const { runRecord } = await import("./run_record.ts");
      end(
        await runRecord({
          ...service,
          pids: options.pid,
          durationSeconds: options.for,
          outputFile: options.output,
          format,
          kind: options.offCpu ? "off_cpu" : "on_cpu",
          frequencyHz: options.frequency,
          runtimeFrames: options.runtimeFrames ?? false,
          offCpuMinimumNs: Math.round(options.minimum * 1e6),
        }),
      );
    });
}

/** From the first moment on, so that no signal of the terminal ends a child of `up` before `up` does. */
function holdLifeline({ lifeline }: { lifeline?: boolean }): { lifeline?: Lifeline } {
  return lifeline ? { lifeline: new Lifeline() } : {};
}

async function readServiceOptions(command: Command): Promise<ServiceOptions> {
  const flags: ConfigFlags = command.optsWithGlobals();
  return { config: await loadConfig(flags), reloadConfig: () => loadConfig(flags) };
}
