import { CommandError } from "../command_error.ts";
import { describeFileError } from "../describe_file_error.ts";
import type { ServiceKind } from "./units.ts";

/** The units hide these from their services, or everybody may write there. */
const hiddenFolders = ["/home/", "/root/", "/run/", "/tmp/", "/var/tmp/", "/dev/", "/proc/"];
const standardPlace = "/usr/local/bin/stakeout";

/**
 * Gives the path that a unit may name for this program. A service's user has to be able to reach and read it, and
 * nobody but root may be able to exchange it. Below `root`, an image's, only its presence counts.
 * @throws {CommandError} with the fix
 */
export function checkExecutable(path: string | undefined, root: string, kind: ServiceKind): string {
  if (path === undefined) {
    throw new CommandError(
      "A service needs the built executable, and this is a source checkout; " +
        `run ./scripts/deno task build, then: dist/stakeout install-service ${kind}`,
      { exitCode: 2 },
    );
  }
  if (root !== "") return checkImage(path, root);
  const fault = findFault(path);
  if (fault === undefined) return path;
  throw new CommandError(
    `No service can run ${path}: ${fault}; ` +
      `run: install -m 755 ${path} ${standardPlace} && ${standardPlace} install-service ${kind}`,
    { exitCode: 2 },
  );
}

function checkImage(path: string, root: string): string {
  const inside = path.startsWith(`${root}/`) ? path.slice(root.length) : path;
  try {
    if (((Deno.statSync(root + inside).mode ?? 0) & 0o111) !== 0) return inside;
  } catch {
    // Told below, with the fix.
  }
  throw new CommandError(
    `${root}${inside} is no executable; run: install -D -m 755 ${path} ${root}${standardPlace}, then that one`,
    { exitCode: 2 },
  );
}

/** Why a service cannot or must not run a file; undefined when it can. Links on the way are followed. */
function findFault(path: string): string | undefined {
  let real: string;
  try {
    real = Deno.realPathSync(path);
  } catch (error) {
    return describeFileError(error);
  }
  const hidden = hiddenFolders.find((folder) => path.startsWith(folder) || real.startsWith(folder));
  if (hidden !== undefined) return `its sandbox hides what is in ${hidden}`;
  for (let end = real.indexOf("/", 1); end > 0; end = real.indexOf("/", end + 1)) {
    const folder = real.slice(0, end);
    const fault = findWeakness(folder, 0o001, "its user may not enter");
    if (fault !== undefined) return fault;
  }
  return findWeakness(real, 0o005, "its user may not read and run");
}

function findWeakness(path: string, needed: number, otherwise: string): string | undefined {
  const { mode, uid } = Deno.statSync(path);
  if (uid !== 0) return `${path} belongs to uid ${uid}, not to root`;
  if (((mode ?? 0) & 0o022) !== 0) return `others than root may write to ${path}`;
  if (((mode ?? 0) & needed) !== needed) return `${otherwise} ${path}`;
  return undefined;
}
