import { type Command, CommanderError } from "commander";
import { buildProgram } from "./program.ts";
import { reportError } from "./report_error.ts";

/** Runs one command line, the program's own name left out, and resolves to the exit code. Never rejects. */
export async function runCli(args: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = buildProgram((code) => exitCode = code);
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    // Help and version were asked for and are printed already; help for want of a command is a usage error.
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    if (error instanceof CommanderError && error.code === "commander.help") return 2;
    return reportError(error, findUsage(program, args));
  }
  return exitCode;
}

/** The help of the deepest command that the arguments name. */
function findUsage(program: Command, args: readonly string[]): string {
  let command = program;
  const names = [program.name()];
  for (const word of args) {
    const next = command.commands.find((child) => child.name() === word);
    if (next === undefined) continue;
    command = next;
    names.push(word);
  }
  return `${names.join(" ")} --help`;
}
