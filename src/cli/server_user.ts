import type { Logger } from "../../lib/log.ts";
import type { User } from "../../lib/sys/user.ts";
import { canBecomeNobody, nobody } from "./up_rights.ts";

/**
 * Chooses the user that the server of `up` runs as: nobody where we are root and nobody can reach program and state;
 * else our own. Gives the state folder and what is in it to that user.
 */
export async function serverUser(
  stateFolder: string | undefined,
  logger: Logger,
): Promise<User | undefined> {
  if (Deno.uid() !== 0) return undefined;
  if (!canBecomeNobody()) {
    logger.warn(
      "The server keeps this user and its rights; to run as nobody it needs CAP_SETUID, CAP_SETGID and CAP_CHOWN of the host",
    );
    return undefined;
  }
  const places = stateFolder === undefined ? programPlaces() : [...programPlaces(), stateFolder];
  const closed = places.map(findClosedFolder)
    .find((folder) => folder !== undefined);
  if (closed !== undefined) {
    logger.warn(
      "The server keeps this user: others may not enter a folder on the way to it; chmod o+x opens it",
      {
        folder: closed,
      },
    );
    return undefined;
  }
  // Never again once it is nobody's: whoever may write in there could have put a link in our way.
  if (stateFolder !== undefined && (await Deno.stat(stateFolder)).uid !== nobody.uid) {
    await giveTo(stateFolder);
  }
  return nobody;
}

/** The files that the server's user has to reach to run this program: of a source tree; an executable holds its own open. */
function programPlaces(): string[] {
  return import.meta.filename === undefined ? [] : [import.meta.filename];
}

/** The first folder above `path` that other users may not enter. */
function findClosedFolder(path: string): string | undefined {
  const parts = path.split("/").slice(1, -1);
  for (let depth = 1; depth <= parts.length; depth++) {
    const folder = `/${parts.slice(0, depth).join("/")}`;
    if (((Deno.statSync(folder).mode ?? 0) & 0o001) === 0) return folder;
  }
  return undefined;
}

async function giveTo(folder: string): Promise<void> {
  for await (const { name, isDirectory, isSymlink } of Deno.readDir(folder)) {
    if (isSymlink) continue;
    if (isDirectory) await giveTo(`${folder}/${name}`);
    else await Deno.chown(`${folder}/${name}`, nobody.uid, nobody.gid);
  }
  await Deno.chown(folder, nobody.uid, nobody.gid);
}
