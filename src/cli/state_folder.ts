import { mkdirSync } from "node:fs";
import type { Logger } from "../../lib/log.ts";
import type { Config } from "../model/config.ts";
import { CommandError } from "./command_error.ts";
import { describeFileError } from "./describe_file_error.ts";
import { findStandardPaths, memoryState } from "./load_config.ts";

/**
 * Makes the state folder where it is missing. Where it cannot be written and nobody asked for that place there is none: state is kept
 * in memory then, which is said. Needs the environment, which a server gives up.
 *
 * @returns undefined for no folder.
 * @throws {CommandError} when a folder that was asked for cannot be made.
 */
export async function openStateFolder({ stateFolder }: Config, logger: Logger): Promise<string | undefined> {
  if (stateFolder === memoryState) return undefined;
  try {
    const made = mkdirSync(stateFolder, { recursive: true, mode: 0o711 }) !== undefined;
    // Whatever the umask is: the user of `up`'s server finds its own folder in there.
    if (made) await Deno.chmod(stateFolder, 0o711);
    const trial = `${stateFolder}/.trial`;
    await Deno.writeFile(trial, new Uint8Array());
    await Deno.remove(trial);
    return stateFolder;
  } catch (error) {
    const reason = describeFileError(error);
    const standard = findStandardPaths(Deno.uid(), (name) => Deno.env.get(name)).stateFolder;
    if (stateFolder !== standard) {
      throw new CommandError(`Cannot keep state in ${stateFolder}: ${reason}; give another --state`, {
        exitCode: 1,
        cause: error,
      });
    }
    logger.warn("State is kept in memory and ends with this program; give it a folder with --state", {
      folder: stateFolder,
      reason,
    });
    return undefined;
  }
}
