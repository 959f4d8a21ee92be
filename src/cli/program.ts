import { Command } from "commander";
import { addCompletionCommand } from "./completion_command.ts";
import { addConfigCommand } from "./config_command.ts";
import { addDoctorCommand } from "./doctor_command.ts";
import { addInstallServiceCommand } from "./install_service_command.ts";
import { printNote, writeOut } from "./output.ts";
import { addPolicyCommand } from "./policy_command.ts";
import { addServiceCommands } from "./service_commands.ts";
import { addGlobalOptions } from "./shared_options.ts";
import { addTaskCommand } from "./task_command.ts";
import { addVersionCommand, formatVersion } from "./version_command.ts";

/**
 * Builds the whole tree of commands. Faults are thrown, never printed: runCli() does that. `end` takes the exit
 * code of a command that ends with another one than 0 without a fault.
 */
export function buildProgram(end: (exitCode: number) => void): Command {
  const program = new Command("stakeout")
    .description("Watches processes and profiles them the moment they misbehave.")
    .version(formatVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .showSuggestionAfterError()
    .exitOverride()
    .configureHelp({ showGlobalOptions: true, helpWidth: 100 })
    .configureOutput({ writeOut, writeErr: (text) => printNote(text.trimEnd()), outputError: () => {} });
  addGlobalOptions(program);
  program.commandsGroup("Watch:");
  addServiceCommands(program, end);
  addInstallServiceCommand(program);
  program.commandsGroup("Use:");
  addPolicyCommand(program);
  addTaskCommand(program);
  program.commandsGroup("Check:");
  addDoctorCommand(program, end);
  addConfigCommand(program);
  addVersionCommand(program);
  addCompletionCommand(program);
  program.helpCommand("help [command]", "print help of a command");
  program.command("naming-child", { hidden: true }).action(async () => {
    const { runNamingChild } = await import("../agent/names/child.ts");
    await runNamingChild();
  });
  program.command("table-child", { hidden: true }).action(async () => {
    const { runTableChild } = await import("../agent/unwind/child.ts");
    await runTableChild();
  });
  program.addHelpText(
    "after",
    `
Examples:
  sudo stakeout up                                              backend, UI and agent on this host
  sudo stakeout watch -f policy.yaml -o tasks                   no backend: tasks become files
  sudo stakeout record --pid 4711 --for 10s -o profile.pb.gz    one profile, now
  stakeout doctor                                               what this host can do, and fixes

Exit codes: 0 ok, 1 failure, 2 usage or configuration, 3 this host cannot do it.`,
  );
  return program;
}
