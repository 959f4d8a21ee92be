import type { BackendClient } from "./backend_client.ts";
import { CommandError } from "./command_error.ts";
import { describeFileError } from "./describe_file_error.ts";
import type { ProfileFormat } from "./options.ts";
import { printNote, writeOut } from "./output.ts";
import { findProfileFormat } from "./profile_format.ts";

export interface ExportOptions {
  output?: string;
  format?: ProfileFormat;
  kind?: string;
  runtimeFrames?: boolean;
}

/** Downloads a task's profile into a file, whole or not at all. */
export async function exportTask(backend: BackendClient, id: string, options: ExportOptions): Promise<void> {
  const file = options.output ?? `${id}.pb.gz`;
  const format = findProfileFormat(file, options.format);
  const query = new URLSearchParams({
    format,
    ...(options.kind === undefined ? {} : { kind: options.kind }),
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
