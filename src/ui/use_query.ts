import { Code, ConnectError } from "@connectrpc/connect";
import { useEffect, useRef, useState } from "preact/hooks";
import { explainError } from "./api.ts";
import { onChange, type Topic } from "./live.ts";
import { signedOut } from "./session.ts";

/** What a screen knows of one question to the backend. The last answer stays while a new one is under way. */
export interface Query<T> {
  readonly data: T | undefined;
  /** A sentence when the newest try failed. */
  readonly error: string | undefined;
  readonly notFound: boolean;
  readonly loading: boolean;
  /** Asks again now. */
  reload(): void;
}

/** When to ask again by itself. */
export interface QueryOptions {
  readonly topics: readonly Topic[];
  /** Only changes that concern this task. */
  readonly taskId?: string;
  /** Asks at most this often by itself. */
  readonly atMostEveryMs?: number;
}

/** Asks the backend when `key` changes and when one of the topics does. */
export function useQuery<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  { topics, taskId, atMostEveryMs = 1000 }: QueryOptions,
): Query<T> {
  const [state, setState] = useState<Omit<Query<T>, "reload">>(nothingYet);
  const newestLoad = useRef(load);
  newestLoad.current = load;
  const ask = useRef<() => void>(() => {});

  useEffect(() => {
    let under: AbortController | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let askedAtMs = 0;
    let again = false;

    async function run(): Promise<void> {
      clearTimeout(timer);
      timer = undefined;
      again = false;
      under?.abort();
      const mine = under = new AbortController();
      askedAtMs = performance.now();
      setState((state) => ({ ...state, loading: true }));
      try {
        const data = await newestLoad.current(mine.signal);
        if (!mine.signal.aborted) setState({ data, error: undefined, notFound: false, loading: false });
      } catch (error) {
        if (mine.signal.aborted) return;
        const { code } = ConnectError.from(error);
        if (code === Code.Unauthenticated) signedOut.value = true;
        const notFound = code === Code.NotFound;
        setState((state) => ({ data: state.data, error: explainError(error), notFound, loading: false }));
      } finally {
        if (under === mine) {
          under = undefined;
          if (again) void run();
        }
      }
    }

    const stopListening = onChange((change) => {
      if (!topics.some((topic) => change.topics.has(topic))) return;
      if (taskId !== undefined && change.taskIds.size > 0 && !change.taskIds.has(taskId)) return;
      if (timer !== undefined) return;
      const waitMs = Math.max(0, askedAtMs + atMostEveryMs - performance.now());
      timer = setTimeout(() => {
        timer = undefined;
        // A slow answer is never thrown away for a newer question, or none would ever arrive.
        if (under === undefined) void run();
        else again = true;
      }, waitMs);
    });
    ask.current = () => void run();
    void run();
    return () => {
      stopListening();
      clearTimeout(timer);
      again = false;
      under?.abort();
    };
  }, [key, topics.join(), taskId, atMostEveryMs]);

  return { ...state, reload: () => ask.current() };
}

const nothingYet = { data: undefined, error: undefined, notFound: false, loading: true };
