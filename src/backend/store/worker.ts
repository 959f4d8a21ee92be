/// <reference lib="deno.worker" />
import { systemClock } from "../../../lib/clock.ts";
import { SqliteStore } from "./sqlite_store.ts";
import { StoreError } from "./store_error.ts";
import type { WorkerRequest, WorkerResponse } from "./worker_protocol.ts";

const idleMs = 500;

let store: SqliteStore | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;

self.onmessage = ({ data }: MessageEvent<WorkerRequest>) => {
  try {
    answer({ id: data.id, value: handle(data) });
  } catch (error) {
    answer({ id: data.id, error: describe(error) });
  }
  if (data.method === "close") self.close();
};

function handle(request: WorkerRequest): unknown {
  if (request.method === "open") {
    store = new SqliteStore({ path: request.path, limits: request.limits, nowMs: systemClock.nowUnixMs() });
    timer = setTimeout(work, idleMs);
    return undefined;
  }
  if (store === undefined) throw new StoreError("closed", "Cannot use the store: it is not open");
  if (request.method === "close") clearTimeout(timer);
  const method = store[request.method] as (...args: readonly unknown[]) => unknown;
  return method.apply(store, [...request.args]);
}

/** Background work in short pieces, so that questions that came meanwhile are answered in between. */
function work(): void {
  let more = false;
  try {
    more = store?.work(systemClock.nowUnixMs()) ?? false;
  } catch (error) {
    answer({ id: undefined, error: describe(error) });
  }
  timer = setTimeout(work, more ? 0 : idleMs);
}

function describe(error: unknown): { kind: StoreError["kind"]; message: string } {
  if (error instanceof StoreError) return { kind: error.kind, message: error.message };
  return {
    kind: "failed",
    message: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
  };
}

function answer(response: WorkerResponse): void {
  self.postMessage(response);
}
