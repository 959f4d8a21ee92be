import type { Command } from "commander";
import { version } from "../model/version.ts";
import { printJson, printLine } from "./output.ts";

/** One line: the program's version and what it runs on. */
export function formatVersion(): string {
  return `stakeout ${version} (deno ${Deno.version.deno}, ${Deno.build.os}/${Deno.build.arch})`;
}

/** `stakeout version`. */
export function addVersionCommand(program: Command): void {
  program.command("version")
    .description("print the version")
    .option("--json", "as JSON")
    .addHelpText("after", "\nExample:\n  stakeout version --json")
    .action((options: { json?: boolean }) => {
      if (!options.json) return printLine(formatVersion());
      const { deno, v8, typescript } = Deno.version;
      printJson({ version, deno, v8, typescript, os: Deno.build.os, arch: Deno.build.arch });
    });
}
