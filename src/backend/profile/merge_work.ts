import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { NetworkChunkSchema, NetworkProfileSchema } from "../../gen/stakeout/v1/network_pb.ts";
import { type Profile, ProfileChunkSchema, ProfileSchema } from "../../gen/stakeout/v1/profile_pb.ts";
import { hideRuntimeFrames } from "../export/hide_runtime_frames.ts";
import { toNetworkRecord } from "../export/network_record.ts";
import { writeFolded } from "../export/write_folded.ts";
import { writePprof } from "../export/write_pprof.ts";
import { writeSpeedscope } from "../export/write_speedscope.ts";
import { fitNetworkProfile } from "../network/fit_network_profile.ts";
import { NetworkMerger } from "../network/network_merger.ts";
import { messageMaxBytes } from "../rpc_options.ts";
import { ProfileMerger } from "./profile_merger.ts";
import type { MergeSource, ProfileOutput } from "./profile_protocol.ts";

/** Room in a message for what stands around the profile, such as the far ends of a network profile's edges. */
const aroundBytes = 256 * 1024;

/** One profile that is being merged from its chunks, as stored. */
export interface MergeWork {
  /** Number of the chunk that is wanted next. */
  readonly nextNumber: number;
  /** Rows that it holds beside its sums. */
  readonly heldRows: number;
  add(chunk: Uint8Array): void;
  finish(output: ProfileOutput): Promise<Uint8Array<ArrayBuffer>>;
}

/** Begins to merge. */
export function beginMerge(source: MergeSource): MergeWork {
  return source.content === "stacks" ? new StackMerge(source.range) : new NetworkMerge(source.range);
}

class StackMerge implements MergeWork {
  readonly nextNumber = 0;
  readonly heldRows = 0;
  readonly #merger: ProfileMerger;

  constructor(range: ConstructorParameters<typeof ProfileMerger>[0]) {
    this.#merger = new ProfileMerger(range);
  }

  add(chunk: Uint8Array): void {
    this.#merger.add(fromBinary(ProfileChunkSchema, chunk));
  }

  async finish(output: ProfileOutput): Promise<Uint8Array<ArrayBuffer>> {
    return await writeStacks(this.#merger.finish(), output);
  }
}

class NetworkMerge implements MergeWork {
  readonly #merger: NetworkMerger;

  constructor(range: ConstructorParameters<typeof NetworkMerger>[0]) {
    this.#merger = new NetworkMerger(range);
  }

  get nextNumber(): number {
    return this.#merger.nextNumber;
  }

  get heldRows(): number {
    return this.#merger.heldRows;
  }

  add(chunk: Uint8Array): void {
    this.#merger.add(fromBinary(NetworkChunkSchema, chunk));
  }

  finish(output: ProfileOutput): Promise<Uint8Array<ArrayBuffer>> {
    const profile = this.#merger.finish();
    const bytes = output.format === "json"
      ? new TextEncoder().encode(`${JSON.stringify(toNetworkRecord(profile), null, 2)}\n`)
      : toBinary(NetworkProfileSchema, fitNetworkProfile(profile, messageMaxBytes - aroundBytes));
    return Promise.resolve(bytes);
  }
}

async function writeStacks(whole: Profile, output: ProfileOutput): Promise<Uint8Array<ArrayBuffer>> {
  if (output.format === "message") return toBinary(ProfileSchema, whole);
  if (output.format === "json") throw new TypeError("Cannot write stacks as JSON");
  const profile = output.runtimeFrames ? whole : hideRuntimeFrames(whole);
  switch (output.format) {
    case "folded":
      return writeFolded(profile);
    case "speedscope":
      return writeSpeedscope(profile, output.name);
    case "pprof": {
      const { frequencyHz } = output;
      return await writePprof(profile, { frequencyHz, durationSeconds: profile.secondWeights.length });
    }
  }
}
