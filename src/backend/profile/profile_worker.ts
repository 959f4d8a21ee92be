/// <reference lib="deno.worker" />
import { KeptWorks } from "./kept_works.ts";
import type { MergeWork } from "./merge_work.ts";
import type { MergeSource, ProfileRequest, ProfileResponse } from "./profile_protocol.ts";

// Merging and writing a long profile takes up to a second: it must not hold up the server or the store.
const works = new Map<number, { source: MergeSource; work: MergeWork }>();
const kept = new KeptWorks();

self.onmessage = async ({ data }: MessageEvent<ProfileRequest>) => {
  let response: ProfileResponse;
  try {
    response = await handle(data);
  } catch (error) {
    works.delete(data.job);
    response = { job: data.job, error: String(error) };
  }
  const transfer = "bytes" in response && response.bytes !== undefined ? [response.bytes.buffer] : [];
  self.postMessage(response, transfer);
};

async function handle(request: ProfileRequest): Promise<ProfileResponse> {
  const { job } = request;
  switch (request.step) {
    case "begin": {
      const { source } = request;
      const work = kept.take(source);
      works.set(job, { source, work });
      return { job, nextNumber: work.nextNumber };
    }
    case "add":
      for (const chunk of request.chunks) works.get(job)?.work.add(chunk);
      return { job };
    case "finish": {
      const found = works.get(job);
      works.delete(job);
      if (found === undefined) return { job };
      const bytes = await found.work.finish(request.output);
      kept.keep(found.source, found.work);
      return { job, bytes };
    }
    case "cancel":
      works.delete(job);
      return { job };
  }
}
