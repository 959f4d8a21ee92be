import { silentLogger } from "../../lib/log.ts";
import { Spool } from "../../src/agent/spool.ts";

/** Writes records as fast as it can and prints the sequence of each that the queue has promised to keep. */
async function write(folder: string): Promise<void> {
  const spool = await Spool.open(folder, { logger: silentLogger });
  const encoder = new TextEncoder();
  for (let index = 0;; index++) {
    const isTask = index % 3 === 0;
    const body = encoder.encode(`${isTask ? "task" : "metrics"} ${index} `.repeat(1 + index % 200));
    const sequence = await spool.append(isTask ? "task" : "metrics", body);
    await Deno.stdout.write(encoder.encode(`${sequence} ${body.length}\n`));
  }
}

await write(Deno.args[0] ?? "");
