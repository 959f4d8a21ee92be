/** Protocol-level: what an agent says of ports that are no OAP, or another than it was told. */
import assert from "node:assert/strict";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Server } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { askOap } from "../../src/agent/skywalking/ask_oap.ts";
import { createOapTransport, type OapOptions } from "../../src/agent/skywalking/transport.ts";
import { type CertificateFiles, makeCertificate } from "../support/certificate.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { OapPlayer } from "./oap_player.ts";

const plain: Omit<OapOptions, "url"> = { token: "", caFile: "", certFile: "", keyFile: "" };

/** What the log would say of a call; `"answered"` when there is nothing to say. */
async function ask(options: Partial<OapOptions> & { url: string }, timeoutMs = 5000): Promise<string> {
  return await askOap({ ...plain, ...options }, timeoutMs) ?? "answered";
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  return (server.address() as AddressInfo).port;
}

/** TLS in front of an OAP, as its operators do. */
async function listenTls(to: number, { certificate, key }: CertificateFiles, more: TlsOptions = {}) {
  const files = { cert: await Deno.readTextFile(certificate), key: await Deno.readTextFile(key) };
  const server = createTlsServer({ ...files, ALPNProtocols: ["h2"], ...more }, (near) => {
    const far = connect(to, "127.0.0.1");
    for (const socket of [near, far]) {
      socket.on("error", () => {});
      socket.on("close", () => [near, far].forEach((one) => one.destroy()));
    }
    near.pipe(far);
    far.pipe(near);
  });
  server.on("tlsClientError", () => {});
  return { server, port: await listen(server) };
}

Deno.test("a token, TLS and a client's certificate are shown to an OAP, and their lack is one clear line", async () => {
  await using folder = await makeTestFolder("oap");
  const files = await makeCertificate(folder.path);
  await using oap = await OapPlayer.start({ token: "secret" });
  const ca = await Deno.readTextFile(files.ca);
  const tls = await listenTls(oap.port, files);
  const mutual = await listenTls(oap.port, files, { ca, requestCert: true, rejectUnauthorized: true });
  const token = "secret";
  const [tlsUrl, mutualUrl] = [tls, mutual].map(({ port }) => `skywalkings://127.0.0.1:${port}`) as [
    string,
    string,
  ];
  const own = { certFile: files.certificate, keyFile: files.key };
  try {
    assert.equal(await ask({ url: oap.url, token }), "answered");
    assert.match(
      await ask({ url: oap.url, token: "old" }),
      /^The OAP at \S+ refuses the token: illegal token; set /,
    );
    assert.match(await ask({ url: oap.url }), /refuses the token/);
    assert.equal(await ask({ url: tlsUrl, token, caFile: files.ca }), "answered");
    assert.match(await ask({ url: tlsUrl, token }), /verify the first certificate; check tls.ca_file/);
    assert.equal(await ask({ url: mutualUrl, token, caFile: files.ca, ...own }), "answered");
    assert.match(
      await ask({ url: mutualUrl, token, caFile: files.ca }),
      /ertificate.*; check tls.ca_file, tls.cert_file/,
    );
    const plainUrl = tlsUrl.replace("skywalkings", "skywalking");
    assert.match(
      await ask({ url: plainUrl, token }),
      /is no OAP's gRPC port: it speaks TLS; write skywalkings:/,
    );
    const noTls = oap.url.replace("skywalking", "skywalkings");
    assert.match(
      await ask({ url: noTls, token }),
      /is no OAP's gRPC port: it speaks no TLS; write skywalking:/,
    );
    assert.throws(
      () => createOapTransport({ ...plain, url: tlsUrl, certFile: files.certificate }),
      /A client certificate needs its key/,
    );
    assert.throws(() => createOapTransport({ ...plain, url: tlsUrl, caFile: "/none" }), /Cannot read \/none/);
  } finally {
    tls.server.close();
    mutual.server.close();
  }
});

Deno.test("a port of HTTP, a port that says nothing and one where nobody listens are told apart", async () => {
  const isHttp =
    /is no OAP's gRPC port: it speaks HTTP but no gRPC; that is usually 11800, and 12800 its HTTP port$/;
  const http1 = createHttpServer((_request, response) => response.end("<html>"));
  const http1Port = await listen(http1);
  assert.match(await ask({ url: `skywalking://127.0.0.1:${http1Port}` }), isHttp);
  http1.close();
  // It speaks HTTP/2 too, as the OAP's own does.
  await using http2 = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("<html>"),
  );
  assert.match(await ask({ url: `skywalking://127.0.0.1:${http2.addr.port}` }), isHttp);
  const silent = createTcpServer(() => {});
  const silentPort = await listen(silent);
  assert.match(await ask({ url: `skywalking://127.0.0.1:${silentPort}` }, 300), /does not answer in time$/);
  silent.close();
  assert.match(
    await ask({ url: `skywalking://127.0.0.1:${silentPort}` }),
    /ECONNREFUSED.*; check the URL and that it runs$/,
  );
});

Deno.test("an OAP that is too old, one that is overloaded and one that answers nothing are told apart", async () => {
  await using old = await OapPlayer.start({ missing: ["ContinuousProfilingService"] });
  assert.match(await ask({ url: old.url }), /does not know what it is asked .*; it takes OAP 9.5 or newer/);
  await using oap = await OapPlayer.start();
  oap.overrides.queryPolicies = () => "silence";
  assert.match(await ask({ url: oap.url }, 300), /^The OAP at \S+ does not answer in time$/);
  oap.overrides.queryPolicies = () => ({ code: 8, details: "full" });
  assert.match(await ask({ url: oap.url }), /is overloaded: full$/);
});
