/** Resolves at a moment of CLOCK_BOOTTIME, or at once when the signal aborts. */
export function sleepUntil(
  atBootNs: number,
  clock: { bootNs(): number },
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(end, Math.max(0, (atBootNs - clock.bootNs()) / 1e6));
    signal.addEventListener("abort", end, { once: true });
    function end(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    }
  });
}
