import type { NetworkRange } from "../network/network_merger.ts";
import type { ProfileRange } from "./profile_merger.ts";

/** Files that a profile of stacks can be exported as. */
export const stackFormats = ["pprof", "folded", "speedscope"] as const;
export type StackFormat = typeof stackFormats[number];

/** Files that a profile can be exported as: `json` is for network profiles, the others are for stacks. */
export const exportFormats = [...stackFormats, "json"] as const;
export type ExportFormat = typeof exportFormats[number];

/** Which part of which profile to merge. */
export type MergeSource =
  | { readonly content: "stacks"; readonly range: ProfileRange }
  | {
    readonly content: "network";
    readonly range: NetworkRange;
    /** The very same will be asked for again soon. */
    readonly keep: boolean;
  };

/** What to make of the merged profile: the wire's message, or a file. */
export type ProfileOutput =
  | { readonly format: "message" }
  | { readonly format: "json" }
  | {
    readonly format: StackFormat;
    readonly name: string;
    readonly frequencyHz: number;
    readonly runtimeFrames: boolean;
  };

/** From the main thread to the worker; every message is answered before the next one of its job. */
export type ProfileRequest =
  | { readonly job: number; readonly step: "begin"; readonly source: MergeSource }
  | { readonly job: number; readonly step: "add"; readonly chunks: readonly Uint8Array[] }
  | { readonly job: number; readonly step: "finish"; readonly output: ProfileOutput }
  | { readonly job: number; readonly step: "cancel" };

export type ProfileResponse =
  | {
    readonly job: number;
    /** Of `begin`: the chunk to go on with. */
    readonly nextNumber?: number;
    /** Of `finish`. */
    readonly bytes?: Uint8Array<ArrayBuffer>;
  }
  | { readonly job: number; readonly error: string };

/** Answer that is no error. */
export type ProfileStep = Exclude<ProfileResponse, { readonly error: string }>;
