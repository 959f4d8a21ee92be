import { hideRuntimeFrames } from "../backend/export/hide_runtime_frames.ts";
import { writeFolded } from "../backend/export/write_folded.ts";
import { writePprof } from "../backend/export/write_pprof.ts";
import { writeSpeedscope } from "../backend/export/write_speedscope.ts";
import type { Profile } from "../gen/stakeout/v1/profile_pb.ts";
import type { ProfileFormat } from "./options.ts";

/** What the file says of itself. */
export interface ProfileTitle {
  readonly name: string;
  readonly frequencyHz: number;
  readonly durationSeconds: number;
  /** Whether frames of languages' runtimes are kept. */
  readonly runtimeFrames: boolean;
}

/** Encodes a profile as a file of this format. */
export async function encodeProfile(
  whole: Profile,
  format: ProfileFormat,
  title: ProfileTitle,
): Promise<Uint8Array<ArrayBuffer>> {
  const profile = title.runtimeFrames ? whole : hideRuntimeFrames(whole);
  switch (format) {
    case "pprof":
      return await writePprof(profile, title);
    case "folded":
      return writeFolded(profile);
    case "speedscope":
      return writeSpeedscope(profile, title.name);
  }
}

/** Writes a file whole or not at all. */
export async function writeWhole(path: string, bytes: Uint8Array, mode = 0o666): Promise<void> {
  const partial = `${path}.part`;
  try {
    await Deno.writeFile(partial, bytes, { mode });
    await Deno.rename(partial, path);
  } catch (error) {
    await Deno.remove(partial).catch(() => {});
    throw error;
  }
}
