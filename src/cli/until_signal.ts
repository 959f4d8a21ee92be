/** Calls back on SIGINT and SIGTERM until it is disposed. A second signal ends the program at once, as without us. */
export function onEndSignal(end: (signal: "SIGINT" | "SIGTERM") => void): Disposable {
  const interrupt = () => forward("SIGINT");
  const terminate = () => forward("SIGTERM");
  function forward(signal: "SIGINT" | "SIGTERM"): void {
    dispose();
    end(signal);
  }
  function dispose(): void {
    Deno.removeSignalListener("SIGINT", interrupt);
    Deno.removeSignalListener("SIGTERM", terminate);
  }
  Deno.addSignalListener("SIGINT", interrupt);
  Deno.addSignalListener("SIGTERM", terminate);
  return { [Symbol.dispose]: dispose };
}

/** Waits until the signal aborts. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}
