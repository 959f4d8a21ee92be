import { Code, ConnectError } from "@connectrpc/connect";
import { signal } from "@preact/signals";
import { api } from "./api.ts";
import { signedOut } from "./session.ts";
import { nowUnixMs } from "./time.ts";

/** Kinds of change the backend tells about. */
export type Topic = "agents" | "inventory" | "metrics" | "policies" | "tasks" | "profiles" | "http";

/** What changed; `taskIds` tells which tasks, and is empty when any may have. */
export interface Change {
  readonly topics: ReadonlySet<string>;
  readonly taskIds: ReadonlySet<string>;
}

/** How this tab hears of changes; `asleep` while it is hidden. */
export type Connection = "connecting" | "live" | "lost" | "asleep";

/** State of the one stream of this tab. */
export const connection = signal<Connection>("connecting");

/** Since when the stream is lost, Unix milliseconds; 0 while it is not. */
export const lostSinceUnixMs = signal(0);

const listeners = new Set<(change: Change) => void>();
const allTopics = new Set<Topic>(["agents", "inventory", "metrics", "policies", "tasks", "profiles", "http"]);
// A stream without news may not even send its headers; one that has not failed by then is taken for open.
const quietMs = 1500;
const firstDelayMs = 1000;
const longestDelayMs = 10_000;
let running: AbortController | undefined;

/** Calls back at each change, and once for everything after the stream was away. Returns the way to stop. */
export function onChange(listener: (change: Change) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Opens the stream while the tab is visible. Call once. */
export function startLive(): void {
  document.addEventListener("visibilitychange", follow);
  follow();
}

/** Tries again at once instead of waiting. */
export function reconnect(): void {
  running?.abort();
  running = undefined;
  follow();
}

function follow(): void {
  if (document.visibilityState === "hidden") {
    running?.abort();
    running = undefined;
    connection.value = "asleep";
  } else if (running === undefined) {
    running = new AbortController();
    void run(running.signal);
  }
}

async function run(signal: AbortSignal): Promise<void> {
  let delayMs = firstDelayMs;
  while (!signal.aborted) {
    const onHeader = () => {
      delayMs = firstDelayMs;
      setLive();
    };
    const quiet = setTimeout(onHeader, quietMs);
    signal.addEventListener("abort", () => clearTimeout(quiet), { once: true });
    try {
      for await (const { topics, taskIds } of api.query.watchChanges({}, { signal, onHeader })) {
        tell({ topics: new Set(topics), taskIds: new Set(taskIds) });
      }
    } catch (error) {
      if (ConnectError.from(error).code === Code.Unauthenticated) {
        signedOut.value = true;
        return;
      }
    } finally {
      clearTimeout(quiet);
    }
    if (signal.aborted) return;
    if (lostSinceUnixMs.value === 0) lostSinceUnixMs.value = nowUnixMs();
    connection.value = "lost";
    await sleep(delayMs, signal);
    delayMs = Math.min(delayMs * 2, longestDelayMs);
  }
}

function setLive(): void {
  if (connection.value === "live") return;
  const missed = connection.value !== "connecting";
  connection.value = "live";
  lostSinceUnixMs.value = 0;
  if (missed) tell({ topics: allTopics, taskIds: new Set() });
}

function tell(change: Change): void {
  for (const listener of listeners) listener(change);
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  return promise;
}
