import assert from "node:assert/strict";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { sampleTaskId } from "./sample_records.ts";
import { startTestBackend, testTokens } from "./testing.ts";

const html = { accept: "text/html" };

/** Sends a request as written, because fetch() sets Host and Origin itself; answers the status. */
function requestRaw(url: string, headers: string, path = "/healthz", body = ""): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  let text = "";
  socket.on("error", reject);
  socket.on("data", (data) => text += data);
  socket.on("close", () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1])));
  const length = body === "" ? "" : `Content-Length: ${body.length}\r\n`;
  const method = body === "" ? "GET" : "POST";
  socket.write(`${method} ${path} HTTP/1.1\r\n${headers}${length}Connection: close\r\n\r\n${body}`);
  return promise;
}

Deno.test("a page needs a session, which the printed URL gives", async () => {
  await using test = await startTestBackend();
  const refused = await test.get("/tasks", html);
  assert.equal(refused.status, 401);
  assert.match(await refused.text(), /<form method="post" action="\/login">/);
  const wrong = await test.get("/login?token=wrong", html);
  assert.equal(wrong.status, 401);
  assert.match(await wrong.text(), /not valid/);

  const entered = await test.get(`/login?token=${testTokens.viewer}`, html);
  assert.equal(entered.status, 303);
  assert.equal(entered.headers.get("location"), "/");
  await entered.body?.cancel();
  const cookie = entered.headers.get("set-cookie")?.split(";")[0] ?? "";
  const page = await test.get("/tasks/42", { cookie });
  assert.equal(page.status, 200);
  assert.match(await page.text(), /<title>page/);
  const missing = await test.get("/nothing.js", { cookie });
  assert.equal(missing.status, 404);
  await missing.body?.cancel();
});

Deno.test("the form's token gives a session too", async () => {
  await using test = await startTestBackend();
  const response = await fetch(`${test.backend.url}/login`, {
    method: "POST",
    body: new URLSearchParams({ token: ` ${testTokens.editor}\n` }),
    redirect: "manual",
  });
  assert.equal(response.status, 303);
  await response.body?.cancel();
});

Deno.test("every answer carries the headers that keep browsers in bounds", async () => {
  await using test = await startTestBackend();
  for (
    const path of [
      "/",
      "/healthz",
      "/login",
      "/login.css",
      "/nothing.js",
      "/stakeout.v1.QueryService/GetOverview",
    ]
  ) {
    const response = await test.get(path, html);
    await response.body?.cancel();
    const policy = response.headers.get("content-security-policy") ?? "";
    assert.match(policy, /^default-src 'self';.*frame-ancestors 'none'/, path);
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
    assert.equal(response.headers.get("referrer-policy"), "same-origin");
  }
});

Deno.test("only known Host headers are answered", async () => {
  await using test = await startTestBackend({ hostNames: ["Stakeout.example"] });
  const { url } = test.backend;
  for (const host of ["localhost", "127.0.0.1:1", "[::1]:7471", "192.0.2.7", "stakeout.example:443"]) {
    assert.equal(await requestRaw(url, `Host: ${host}\r\n`), 200, host);
  }
  for (
    const host of [
      "evil.example",
      "127.0.0.1.evil.example",
      "localhost.evil.example",
      "xlocalhost",
      "1.2.3.4.5",
    ]
  ) {
    assert.equal(await requestRaw(url, `Host: ${host}\r\n`), 403, host);
  }
});

Deno.test("requests of other origins' pages are refused even with the cookie", async () => {
  await using test = await startTestBackend();
  const { url } = test.backend;
  const host = new URL(url).host;
  const login = await test.get(`/login?token=${testTokens.editor}`);
  const cookie = `Cookie: ${login.headers.get("set-cookie")?.split(";")[0]}\r\nHost: ${host}\r\n`;
  await login.body?.cancel();
  const path = "/stakeout.v1.QueryService/GetOverview";
  const json = "Content-Type: application/json\r\n";
  for (
    const origin of ["http://evil.example", "null", `https://${host}.evil.example`, "http://127.0.0.1:1"]
  ) {
    assert.equal(await requestRaw(url, `${cookie}${json}Origin: ${origin}\r\n`, path, "{}"), 403, origin);
  }
  assert.equal(await requestRaw(url, `${cookie}${json}Sec-Fetch-Site: cross-site\r\n`, path, "{}"), 403);
  assert.equal(await requestRaw(url, `${cookie}${json}Origin: http://${host}\r\n`, path, "{}"), 200);
  const navigate = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n";
  assert.equal(await requestRaw(url, `${cookie}${navigate}`, "/"), 200);
});

Deno.test("an export says what is wrong with the request in one line", async () => {
  await using test = await startTestBackend();
  const authorization = `Bearer ${testTokens.viewer}`;
  for (
    const [query, status] of [["", 404], ["?format=svg", 400]] as const
  ) {
    const response = await test.get(`/api/v1/tasks/${sampleTaskId}/profile${query}`, { authorization });
    assert.equal(response.status, status);
    assert.match(await response.text(), /^[^\n]+\n$/);
  }
  const refused = await test.get("/metrics", { authorization: `Bearer ${testTokens.agent}` });
  assert.equal(refused.status, 403);
  await refused.body?.cancel();
});

Deno.test("/readyz and /metrics tell machines how it goes", async () => {
  await using test = await startTestBackend({ version: "1.2.3" });
  const ready = await test.get("/readyz");
  assert.deepEqual([ready.status, await ready.json()], [200, { ready: true, checks: { store: "ok" } }]);
  const metrics = await test.get("/metrics", { authorization: `Bearer ${testTokens.viewer}` });
  assert.match(await metrics.text(), /^stakeout_build_info\{version="1\.2\.3",deno="[\d.]+"\} 1$/m);
});

Deno.test("HTTP/2, where the host is no header, is answered by the same rules", async () => {
  await using test = await startTestBackend();
  async function ask(authority: string): Promise<number> {
    const session = connectHttp2(test.backend.url);
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    session.on("error", reject);
    const stream = session.request({ ":path": "/healthz", ":authority": authority });
    stream.on("response", (headers) => resolve(Number(headers[":status"])));
    stream.on("error", reject);
    stream.resume();
    try {
      return await promise;
    } finally {
      session.destroy();
    }
  }
  assert.equal(await ask("localhost:7471"), 200);
  assert.equal(await ask("evil.example"), 403);
});
