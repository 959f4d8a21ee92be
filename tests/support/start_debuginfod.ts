import { waitFor } from "./wait.ts";

/** Debian's debuginfod over a folder of one file, its index in memory; resolves when it has looked at that. */
export async function startDebuginfod(folder: string, port: number): Promise<AsyncDisposable> {
  const child = new Deno.Command("debuginfod", {
    args: ["-d", ":memory:", "-p", String(port), "-F", folder],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const server = {
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.status;
    },
  };
  const ready = await waitFor(async () => {
    const metrics = await fetch(`http://127.0.0.1:${port}/metrics`).then(
      (response) => response.text(),
      () => "",
    );
    return metrics.includes('scanned_files_total{source="file"}') || undefined;
  }, 20);
  if (ready) return server;
  await server[Symbol.asyncDispose]();
  throw new Error(`debuginfod did not look at ${folder}`);
}
