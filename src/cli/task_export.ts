import type { BackendClient } from "./backend_client.ts";
import { CommandError } from "./command_error.ts";
import { describeFileError } from "./describe_file_error.ts";
import type { ProfileFormat } from "./options.ts";
import { printNote, writeOut } from "./output.ts";
import { findProfileFormat } from "./profile_format.ts";

const networkEnding = ".network.json";

export interface ExportOptions {
  output?: string;
  /** `json` is for network profiles, the others are for stacks. */
  format?: ProfileFormat | "json";
  kind?: string;
  runtimeFrames?: boolean;
}

/** Downloads a task's profile into a file, whole or not at all. */
export async function exportTask(backend: BackendClient, id: string, options: ExportOptions): Promise<void> {
  const { file, format, kind } = chooseFile(id, options);
  const query = new URLSearchParams({
    format,
    ...(kind === undefined ? {} : { kind }),
    ...(options.runtimeFrames ? { runtime: "true" } : {}),
  });
  const body = await backend.download(`/api/v1/tasks/${id}/profile?${query}`);
  if (file === "-") {
    for await (const part of body) writeOut(part);
    return;
  }
  const partial = `${file}.part`;
  try {
    await Deno.writeFile(partial, body);
    await Deno.rename(partial, file);
  } catch (error) {
    await Deno.remove(partial).catch(() => {});
    const reason = describeFileError(error);
    throw new CommandError(`Cannot write ${file}: ${reason}; give another -o FILE`, {
      exitCode: 1,
      cause: error,
    });
  }
  printNote(`wrote ${file} (${format})`);
}

/** What to write and where: each of the options may tell that it is a network profile. */
function chooseFile(id: string, { output, format, kind }: ExportOptions) {
  const isNamedSo = kind === undefined && format === undefined && output?.endsWith(networkEnding) === true;
  if (kind !== "network" && format !== "json" && !isNamedSo) {
    const file = output ?? `${id}.pb.gz`;
    return { file, format: findProfileFormat(file, format), kind };
  }
  if (format !== undefined && format !== "json") {
    throw new CommandError(`A network profile has no stacks to write as ${format}; use --format json`, {
      exitCode: 2,
    });
  }
  if (kind !== undefined && kind !== "network") {
    throw new CommandError(
      `JSON is for network profiles; leave out --kind ${kind}, or give another --format`,
      {
        exitCode: 2,
      },
    );
  }
  return { file: output ?? `${id}${networkEnding}`, format: "json" as const, kind: "network" };
}
