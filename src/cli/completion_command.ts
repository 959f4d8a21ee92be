import { Argument, type Command } from "commander";
import { type Shell, writeCompletion } from "./completion.ts";
import { writeOut } from "./output.ts";

/** `stakeout completion`. */
export function addCompletionCommand(program: Command): void {
  program.command("completion")
    .description("print a shell's completion script")
    .addArgument(new Argument("<shell>", "which shell").choices(["bash", "zsh", "fish"]))
    .addHelpText(
      "after",
      `
Examples:
  source <(stakeout completion bash)
  stakeout completion zsh > "\${fpath[1]}/_stakeout"
  stakeout completion fish > ~/.config/fish/completions/stakeout.fish`,
    )
    .action((shell: Shell) => writeOut(writeCompletion(program, shell)));
}
