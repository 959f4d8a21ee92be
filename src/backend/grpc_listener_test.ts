import assert from "node:assert/strict";
import { startTestBackend, testTokens } from "./testing.ts";

const buf = new URL("../../.tools/node_modules/.bin/buf", import.meta.url).pathname;
const schema = new URL("../../proto", import.meta.url).pathname;

/** Calls a method as a stranger's client would; answers its JSON. */
async function call(
  url: string,
  protocol: string,
  method: string,
  token: string,
): Promise<Record<string, unknown>> {
  const overHttp2 = protocol === "grpc" ? ["--http2-prior-knowledge"] : [];
  const { stdout, stderr } = await new Deno.Command(buf, {
    args: ["curl", "--schema", schema, "--protocol", protocol, ...overHttp2, "-d", "{}"]
      .concat("-H", `Authorization: Bearer ${token}`, `${url}/stakeout.v1.${method}`),
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout.length > 0 ? stdout : stderr));
}

for (const protocol of ["grpc", "grpcweb", "connect"]) {
  Deno.test(`a client of another make is served over ${protocol}`, async () => {
    await using test = await startTestBackend({ grpcListen: { hostname: "127.0.0.1", port: 0 } });
    const url = protocol === "grpc" ? `http://127.0.0.1:${test.backend.grpcPort}` : test.backend.url;
    const overview = await call(url, protocol, "QueryService/GetOverview", testTokens.viewer);
    assert.equal((overview.retention as { minuteDays: number }).minuteDays, 30);
    const wrong = await call(url, protocol, "QueryService/GetOverview", testTokens.agent);
    assert.equal(wrong.code, "permission_denied");
    const missing = await call(url, protocol, "TaskService/GetTask", testTokens.viewer);
    assert.equal(missing.code, "not_found");
  });
}
