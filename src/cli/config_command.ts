import type { Command } from "commander";
import { type ConfigFlags, findStandardPaths, loadConfig } from "./load_config.ts";
import { printJson, printLine, printNote } from "./output.ts";
import { describeFileError } from "./describe_file_error.ts";

/** `stakeout config`: checks the configuration before a service starts with it. */
export function addConfigCommand(program: Command): void {
  const config = program.command("config").description("check the configuration");
  config.command("check")
    .description("check flags, environment and file, as a service would at its start")
    .argument("[file]", "configuration file (default: --config, or the standard place)")
    .option("--print", "print the resulting configuration as JSON, without the token")
    .addHelpText("after", "\nExample:\n  stakeout config check /etc/stakeout/stakeout.yaml")
    .action(async (file: string | undefined, options: { print?: boolean }, command: Command) => {
      const flags: ConfigFlags = command.optsWithGlobals();
      if (file !== undefined) flags.config = file;
      const resolved = await loadConfig(flags);
      for (const [name, path] of Object.entries({ token: resolved.backend.tokenFile, ...resolved.tls })) {
        if (path !== "") await warnWhenUnreadable(name, path);
      }
      if (options.print) {
        const token = resolved.backend.token === "" ? "" : "(set)";
        return printJson({ ...resolved, backend: { ...resolved.backend, token } });
      }
      printLine(`${flags.config ?? await describeDefault()}: ok`);
    });
}

async function warnWhenUnreadable(name: string, path: string): Promise<void> {
  try {
    (await Deno.open(path)).close();
  } catch (error) {
    printNote(`warning: ${name} ${path}: ${describeFileError(error)}; the service will not start without it`);
  }
}

async function describeDefault(): Promise<string> {
  const { configFile } = findStandardPaths(Deno.uid(), (name) => Deno.env.get(name));
  const found = await Deno.stat(configFile).then(() => true, () => false);
  return found ? configFile : `no file at ${configFile}, defaults hold`;
}
