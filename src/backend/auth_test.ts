import assert from "node:assert/strict";
import { AgentService } from "../gen/stakeout/v1/agent_service_pb.ts";
import { PolicyService } from "../gen/stakeout/v1/policy_service_pb.ts";
import { QueryService } from "../gen/stakeout/v1/query_service_pb.ts";
import { TaskService } from "../gen/stakeout/v1/task_service_pb.ts";
import { Authenticator, methodRoles, type Role } from "./auth.ts";
import { startTestBackend, testTokens } from "./testing.ts";

const services = [AgentService, PolicyService, QueryService, TaskService];
const callers: readonly { name: string; token: string | undefined; role: Role | undefined }[] = [
  { name: "nobody", token: undefined, role: undefined },
  { name: "a wrong token", token: "wrong-token-0123456789", role: undefined },
  { name: "half a token", token: testTokens.editor.slice(0, -1), role: undefined },
  { name: "viewer", token: testTokens.viewer, role: "viewer" },
  { name: "editor", token: testTokens.editor, role: "editor" },
  { name: "agent", token: testTokens.agent, role: "agent" },
];

Deno.test("methodRoles lists every method and no other", () => {
  const methods = services.flatMap((service) =>
    service.methods.map(({ name }) => `${service.typeName}/${name}`)
  );
  assert.deepEqual(Object.keys(methodRoles).sort(), methods.sort());
});

Deno.test("every method answers exactly the roles of its row", async () => {
  await using test = await startTestBackend();
  for (const [method, roles] of Object.entries(methodRoles)) {
    const streams = method.endsWith("/Watch") || method.endsWith("/WatchChanges");
    for (const { name, token, role } of callers) {
      const headers = {
        "content-type": streams ? "application/connect+json" : "application/json",
        ...token !== undefined && { authorization: `Bearer ${token}` },
      };
      const url = `${test.backend.url}/${method}`;
      const code = streams ? await callStream(url, headers) : await callUnary(url, headers);
      const refused = code === "unauthenticated" || code === "permission_denied";
      const allowed = role !== undefined && roles.includes(role);
      assert.equal(!refused, allowed, `${method} called by ${name}: ${code}`);
      if (!allowed) assert.equal(code, role === undefined ? "unauthenticated" : "permission_denied");
    }
  }
});

async function callUnary(url: string, headers: Record<string, string>): Promise<string | undefined> {
  const response = await fetch(url, { method: "POST", headers, body: "{}" });
  return (await response.json()).code;
}

/** Code of a stream's end; undefined for one that is still open after a while. */
async function callStream(url: string, headers: Record<string, string>): Promise<string | undefined> {
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort(), 300);
  try {
    // A stream's request is one envelope: no flags, four bytes of length, then "{}".
    const body = Uint8Array.of(0, 0, 0, 0, 2, 0x7b, 0x7d);
    const response = await fetch(url, { method: "POST", headers, body, signal: ending.signal });
    const text = await response.text();
    return JSON.parse(text.slice(5)).error?.code;
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

Deno.test("Authenticator takes the cookie it gave and no other", () => {
  const authenticator = new Authenticator([{ role: "editor", token: testTokens.editor }], "stakeout_1");
  const cookie = authenticator.logIn(testTokens.editor, true);
  assert.match(cookie ?? "", /^stakeout_1=\S+; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Strict; Secure$/);
  assert.doesNotMatch(cookie ?? "", new RegExp(testTokens.editor));
  const pair = cookie?.split(";")[0] ?? "";
  assert.equal(authenticator.authenticate(new Headers({ cookie: `a=b; ${pair}` }))?.role, "editor");
  assert.equal(authenticator.authenticate(new Headers({ cookie: `${pair}x` })), undefined);
  assert.equal(authenticator.authenticate(new Headers({ cookie: pair.replace("_1", "_2") })), undefined);
  assert.equal(
    authenticator.authenticate(new Headers({ cookie: `stakeout_1=${testTokens.editor}` })),
    undefined,
  );
  const other = new Authenticator([{ role: "editor", token: "another-token-0123456789" }], "stakeout_1");
  assert.equal(other.authenticate(new Headers({ cookie: pair })), undefined);
});

Deno.test("Authenticator gives an agent's token no session", () => {
  const authenticator = new Authenticator([{ role: "agent", token: testTokens.agent }], "stakeout_1");
  assert.equal(authenticator.logIn(testTokens.agent, false), undefined);
});
