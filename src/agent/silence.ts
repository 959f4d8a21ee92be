import type { ProfileKind } from "../model/policy.ts";
import type { Process } from "../model/process.ts";

/** Longest silence a policy may ask for; a restored one is cut to it, whatever the wall clock did meanwhile. */
const maxSilenceMs = 24 * 3600 * 1000;

/**
 * Silence as it is kept on disk, by the wall clock because CLOCK_BOOTTIME starts anew with the host. Plain data for
 * JSON.
 *
 * Units: Unix milliseconds.
 * Limits: at most one entry a key; entries that have ended are left out.
 */
export interface SilenceState {
  readonly silences: readonly { readonly key: string; readonly untilUnixMs: number }[];
}

/**
 * Until when nothing is to be started again: per (service, instance, executable, kind), whatever policy started it, and
 * per policy after a host-wide trip. Times are seconds of CLOCK_BOOTTIME that the caller gives.
 */
export class Silence {
  readonly #untilBootSeconds = new Map<string, number>();

  /** When silence of a key ends; 0 when there is none. */
  until(key: string): number {
    return this.#untilBootSeconds.get(key) ?? 0;
  }

  /** Silences a key; never shortens what is there. Forgets what has ended. */
  add(key: string, atBootSeconds: number, seconds: number): void {
    for (const [old, until] of this.#untilBootSeconds) {
      if (until <= atBootSeconds) this.#untilBootSeconds.delete(old);
    }
    this.#untilBootSeconds.set(key, Math.max(this.until(key), atBootSeconds + seconds));
  }

  /** What to keep; `bootUnixMs` is the wall clock when CLOCK_BOOTTIME was 0. */
  exportState(atBootSeconds: number, bootUnixMs: number): SilenceState {
    const lasting = [...this.#untilBootSeconds].filter(([, until]) => until > atBootSeconds);
    return {
      silences: lasting.map(([key, until]) => ({ key, untilUnixMs: Math.round(bootUnixMs + until * 1000) })),
    };
  }

  /** Takes in what was kept. */
  restore(state: SilenceState, atBootSeconds: number, bootUnixMs: number): void {
    const nowUnixMs = bootUnixMs + atBootSeconds * 1000;
    for (const { key, untilUnixMs } of state.silences) {
      const leftMs = Math.min(untilUnixMs - nowUnixMs, maxSilenceMs);
      if (leftMs > 0) this.add(key, atBootSeconds, leftMs / 1000);
    }
  }
}

/** Key of one kind of task for one executable of a service instance. */
export function taskSilenceKey(process: Process, kind: ProfileKind): string {
  return JSON.stringify(["task", process.service, process.instance, process.exe, kind]);
}

/** Key of a policy that tripped on a host-wide metric. */
export function policySilenceKey(policy: string): string {
  return JSON.stringify(["policy", policy]);
}

/** Checks what was read from disk. */
export const silenceStateSchema = {
  safeParse(value: unknown): { success: true; data: SilenceState } | { success: false; error: Error } {
    const silences = (value as SilenceState | null)?.silences;
    const isState = Array.isArray(silences) && silences.every((one) => {
      return typeof one?.key === "string" && Number.isFinite(one.untilUnixMs);
    });
    return isState
      ? { success: true, data: { silences } }
      : { success: false, error: new Error("Cannot read silence: no list of keys and times") };
  },
};
