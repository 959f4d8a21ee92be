import assert from "node:assert/strict";
import { silentLogger } from "../../lib/log.ts";
import { QueryService } from "../gen/stakeout/v1/query_service_pb.ts";
import { startBackend } from "./backend.ts";
import { startTestBackend, testTokens } from "./testing.ts";

const options = {
  hostname: "127.0.0.1",
  port: 0,
  stateFolder: undefined,
  assets: new Map(),
  tokens: [{ role: "editor" as const, token: testTokens.editor }],
  logger: silentLogger,
  version: "0.0.0",
};

Deno.test("startBackend() names the address in use and the flag that helps", async () => {
  await using test = await startTestBackend();
  const port = Number(new URL(test.backend.url).port);
  await assert.rejects(startBackend({ ...options, port }), {
    message: `127.0.0.1:${port} is in use; choose another with --listen`,
  });
  await assert.rejects(startBackend({ ...options, grpcListen: { hostname: "127.0.0.1", port } }), {
    message: `127.0.0.1:${port} is in use; choose another with --grpc-listen`,
  });
});

Deno.test("startBackend() refuses other machines without TLS, and anybody without tokens", async () => {
  await assert.rejects(
    startBackend({ ...options, hostname: "0.0.0.0" }),
    /needs TLS; give --tls-cert and --tls-key/,
  );
  const grpcListen = { hostname: "::", port: 0 };
  await assert.rejects(startBackend({ ...options, grpcListen }), /\[::\]:0 can be reached .* needs TLS/);
  await assert.rejects(startBackend({ ...options, tokens: [] }), /No token is given/);
  const tls = { certFile: "/nowhere/cert.pem", keyFile: "/nowhere/key.pem" };
  await assert.rejects(startBackend({ ...options, tls }), /Cannot read \/nowhere\/cert\.pem/);
});

Deno.test("close() ends open streams and lets the port go", async () => {
  const test = await startTestBackend();
  const query = test.client(QueryService, testTokens.viewer);
  const changes = query.watchChanges({})[Symbol.asyncIterator]();
  const first = changes.next();
  // The request must be under way before the server ends.
  await query.getOverview({});
  await test.backend.close();
  assert.equal((await first).done, true);
  await using again = await startTestBackend({ port: Number(new URL(test.backend.url).port) });
  assert.equal((await again.get("/healthz")).ok, true);
});

Deno.test("startBackend() keeps policies and tells a second server that the folder is taken", async () => {
  const stateFolder = await Deno.makeTempDir();
  try {
    await using _first = await startTestBackend({ stateFolder });
    await assert.rejects(startBackend({ ...options, stateFolder }), /locked; stop the other server/);
    assert.equal((await Deno.stat(`${stateFolder}/stakeout.db`)).mode! & 0o777, 0o600);
  } finally {
    await Deno.remove(stateFolder, { recursive: true });
  }
});
