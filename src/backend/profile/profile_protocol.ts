import type { ProfileRange } from "./profile_merger.ts";

/** Files that a profile can be exported as. */
export const exportFormats = ["pprof", "folded", "speedscope"] as const;
export type ExportFormat = typeof exportFormats[number];

/** What to make of the merged profile: the wire's message, or a file. */
export type ProfileOutput =
  | { readonly format: "message" }
  | {
    readonly format: ExportFormat;
    readonly name: string;
    readonly frequencyHz: number;
    readonly runtimeFrames: boolean;
  };

/** From the main thread to the worker; every message is answered before the next one of its job. */
export type ProfileRequest =
  | { readonly job: number; readonly step: "begin"; readonly range: ProfileRange }
  | { readonly job: number; readonly step: "add"; readonly chunks: readonly Uint8Array[] }
  | { readonly job: number; readonly step: "finish"; readonly output: ProfileOutput }
  | { readonly job: number; readonly step: "cancel" };

export type ProfileResponse =
  | { readonly job: number; readonly bytes: Uint8Array<ArrayBuffer> | undefined }
  | { readonly job: number; readonly error: string };
