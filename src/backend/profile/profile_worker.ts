/// <reference lib="deno.worker" />
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Profile, ProfileChunkSchema, ProfileSchema } from "../../gen/stakeout/v1/profile_pb.ts";
import { hideRuntimeFrames } from "../export/hide_runtime_frames.ts";
import { writeFolded } from "../export/write_folded.ts";
import { writePprof } from "../export/write_pprof.ts";
import { writeSpeedscope } from "../export/write_speedscope.ts";
import { ProfileMerger } from "./profile_merger.ts";
import type { ProfileOutput, ProfileRequest, ProfileResponse } from "./profile_protocol.ts";

// Merging and writing a long profile takes up to a second: it must not hold up the server or the store.
const mergers = new Map<number, ProfileMerger>();

self.onmessage = async ({ data }: MessageEvent<ProfileRequest>) => {
  let response: ProfileResponse;
  try {
    response = { job: data.job, bytes: await handle(data) };
  } catch (error) {
    mergers.delete(data.job);
    response = { job: data.job, error: String(error) };
  }
  const transfer = "bytes" in response && response.bytes !== undefined ? [response.bytes.buffer] : [];
  self.postMessage(response, transfer);
};

async function handle(request: ProfileRequest): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const { job } = request;
  switch (request.step) {
    case "begin":
      mergers.set(job, new ProfileMerger(request.range));
      return undefined;
    case "add":
      for (const chunk of request.chunks) mergers.get(job)?.add(fromBinary(ProfileChunkSchema, chunk));
      return undefined;
    case "finish": {
      const profile = mergers.get(job)?.finish();
      mergers.delete(job);
      return profile === undefined ? undefined : await write(profile, request.output);
    }
    case "cancel":
      mergers.delete(job);
      return undefined;
  }
}

async function write(whole: Profile, output: ProfileOutput): Promise<Uint8Array<ArrayBuffer>> {
  const profile = output.format === "message" || output.runtimeFrames ? whole : hideRuntimeFrames(whole);
  switch (output.format) {
    case "message":
      return toBinary(ProfileSchema, profile);
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
