import { createLogger } from "../../lib/log.ts";
import { startBackend } from "../../src/backend/backend.ts";
import { testTokens } from "../../src/backend/testing.ts";

// A server for tests that kill it: prints its URL, and lives until then. Argument: the state folder.
const backend = await startBackend({
  hostname: "127.0.0.1",
  port: 0,
  stateFolder: Deno.args[0],
  assets: new Map(),
  tokens: [{ role: "editor", token: testTokens.editor }, { role: "agent", token: testTokens.agent }],
  logger: createLogger({ format: "logfmt", level: "info" }),
  version: "0.0.0",
});
await Deno.stdout.write(new TextEncoder().encode(`${backend.url}\n`));
