import { Argument, type Command } from "commander";
import { CommandError } from "./command_error.ts";
import { findExecutablePath } from "./executable_path.ts";
import { writeOut } from "./output.ts";
import type { ServiceKind } from "./systemd/units.ts";

interface InstallFlags {
  root?: string;
  dryRun?: boolean;
  now?: boolean;
  force?: boolean;
  uninstall?: boolean;
}

/** `stakeout install-service`: systemd units of the long-running commands. */
export function addInstallServiceCommand(program: Command): void {
  program.command("install-service")
    .description("install the agent or the server as a systemd service")
    .addArgument(
      new Argument("<service>", "which; for both, one after the other").choices(["agent", "server"]),
    )
    .option("--now", "enable and start it as well")
    .option("--dry-run", "print the unit and write nothing")
    .option("--root <folder>", "install into the image below this folder, not on this host")
    .option("--force", "replace or remove a unit that was edited by hand")
    .option("--uninstall", "stop the service and remove its unit; its state stays")
    .addHelpText(
      "after",
      `
Examples:
  sudo stakeout install-service server --now
  sudo stakeout install-service agent                  says what to set, then how to start it
  stakeout install-service agent --dry-run             the unit, on standard output
  stakeout install-service agent --root /mnt/image
  sudo stakeout install-service agent --uninstall`,
    )
    .action(async (kind: ServiceKind, flags: InstallFlags) => {
      if (flags.root !== undefined && flags.now) {
        throw new CommandError("Nothing can be started in an image; leave out --now or --root", {
          exitCode: 2,
        });
      }
      const { installService, makeUnitFile, uninstallService } = await import("./systemd/install.ts");
      const options = {
        kind,
        root: flags.root === undefined ? "" : absolutePath(flags.root),
        executable: findExecutablePath(),
        force: flags.force ?? false,
        now: flags.now ?? false,
      };
      if (flags.dryRun) writeOut(makeUnitFile(options));
      else if (flags.uninstall) await uninstallService(options);
      else await installService(options);
    });
}

/** Without a slash at its end, so that `/` is `""`: this host. */
function absolutePath(path: string): string {
  return (path.startsWith("/") ? path : `${Deno.cwd()}/${path}`).replace(/\/+$/, "");
}
