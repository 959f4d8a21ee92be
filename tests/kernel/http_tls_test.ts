import assert from "node:assert/strict";
import { missingUprobeFilter } from "../../lib/bpf/uprobe.ts";
import { type CertificateFiles, makeCertificate } from "../support/certificate.ts";
import { runAb, runCurl } from "../support/http_clients.ts";
import { startNginx, startNode, startPython } from "../support/http_servers.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { waitFor } from "../support/wait.ts";
import { libbpf, sleep } from "./harness.ts";
import { HttpCounter } from "./http_counter.ts";
import { withoutLeaks } from "./leak_check.ts";

/** Runs a test with a certificate and a folder that everybody may write; nothing of BPF is left behind. */
function withCertificate(
  run: (folder: string, certificate: CertificateFiles) => Promise<void>,
): Promise<void> {
  return withoutLeaks(libbpf, async () => {
    await using folder = await makeTestFolder("tls");
    await Deno.chmod(folder.path, 0o777);
    await run(folder.path, await makeCertificate(folder.path));
  });
}

Deno.test("TLS of nginx is counted as ab and curl count, and its connections as readable", () =>
  withCertificate(async (folder, certificate) => {
    await using nginx = await startNginx(folder, 2, { certificate });
    await using counter = await HttpCounter.start("sockets", nginx.pids());
    const tls = await counter.readTls(nginx.pids());
    for (const pid of nginx.pids()) assert.equal(tls.reason(`${pid}`), "");
    counter.filter("server", { kind: "path", text: "/file" });
    const url = `https://127.0.0.1:${nginx.port}`;

    for (let round = 0; round < 3; round++) await runCurl("-k", `${url}/`, `${url}/status/404`);
    await counter.expect([6, 3, 0]);
    assert.deepEqual(counter.counts().connections.server, [3, 0, 0, 0, 0, 0, 3, 0]);
    assert.equal((await runAb(["-n", "1009", "-c", "7", "-k", `${url}/`])).complete, 1009);
    await counter.expect([1009, 0, 0]);
    assert.equal((await runAb(["-n", "211", "-c", "5", `${url}/status/404`])).non2xx, 211);
    await counter.expect([211, 211, 0]);
    assert.equal((await runAb(["-n", "503", "-c", "3", "-k", `${url}/status/503`])).non2xx, 503);
    await counter.expect([503, 0, 503]);
    // 300 KB are more than a socket takes at once: writes are repeated.
    assert.equal((await runAb(["-n", "101", "-c", "3", "-k", `${url}/file`])).complete, 101);
    await counter.expect([101, 0, 0]);
    assert.equal(counter.takeUri("path", "/file").requests, 101);
    await Deno.writeTextFile(`${folder}/upload`, "y".repeat(1_000_000));
    await runCurl(
      "-k",
      "--http1.1",
      "-H",
      "Expect: 100-continue",
      "--data-binary",
      `@${folder}/upload`,
      `${url}/`,
    );
    await counter.expect([1, 0, 0]);

    const { pipelined, unreadable, connections: { server } } = counter.counts();
    assert.deepEqual([pipelined, unreadable], [0, 0]);
    // ab opens connections on which it asks for nothing: there is no plaintext to tell what they are.
    assert.ok(server[0]! >= 3 + 7 + 211 + 3 + 3 + 1 && server[2]! < 7, `${server}`);
    assert.deepEqual([server[6], server[5]], [server[0], 0]);
  }));

Deno.test("HTTP/2 within TLS is counted as that", () =>
  withCertificate(async (folder, certificate) => {
    await using nginx = await startNginx(folder, 1, { certificate, http2: true });
    await using counter = await HttpCounter.start("sockets", nginx.pids());
    await counter.readTls(nginx.pids());
    for (let round = 0; round < 5; round++) {
      await runCurl("-k", "--http2", `https://127.0.0.1:${nginx.port}/`);
    }
    await counter.expect([0, 0, 0]);
    assert.deepEqual(counter.counts().connections.server, [0, 5, 0, 0, 0, 0, 0, 0]);
  }));

Deno.test("TLS of Node is counted as ab counts", () =>
  withCertificate(async (_folder, certificate) => {
    await using node = await startNode(certificate);
    await using counter = await HttpCounter.start("sockets", node.pids());
    const tls = await counter.readTls(node.pids());
    assert.equal(tls.reason(`${node.pid}`), "");
    const url = `https://127.0.0.1:${node.port}`;
    for (let round = 0; round < 3; round++) await runCurl("-k", `${url}/`, `${url}/status/404`);
    await counter.expect([6, 3, 0]);
    assert.deepEqual(counter.counts().connections.server, [3, 0, 0, 0, 0, 0, 3, 0]);
    await runAb(["-n", "1009", "-c", "7", "-k", `${url}/`]);
    await runAb(["-n", "103", "-c", "3", `${url}/status/500`]);
    await counter.expect([1009 + 103, 0, 103]);
  }));

Deno.test("TLS of Python is read once its library is loaded, of children that it forks too, and in flight", () =>
  withCertificate(async (_folder, certificate) => {
    for (const kind of ["thread", "prefork"] as const) {
      await using python = await startPython(kind, "tcp4", "", { certificate });
      await using counter = await HttpCounter.start("sockets", python.pids());
      const tls = await counter.readTls(python.pids());
      assert.match(tls.reason(`${python.pid}`), /none of its files exports OpenSSL's functions/);
      const url = `https://127.0.0.1:${python.port}`;
      // Each process has loaded it by then.
      await waitFor(async () => {
        await runCurl("-k", `${url}/`);
        await counter.readTls(python.pids());
        return python.pids().every((pid) => tls.reason(`${pid}`) === "") || undefined;
      }, 10);
      counter.take();
      const urls = Array.from({ length: 43 }, (_, index) => index < 13 ? `${url}/status/404` : `${url}/`);
      await Promise.all(Array.from({ length: 7 }, () => runCurl("-k", ...urls)));
      await counter.expect([7 * 43, 7 * 13, 0]);
      await runCurl("-k", `${url}/delay/200`, `${url}/early`, `${url}/split`);
      const { requests, maxNs } = counter.take();
      assert.equal(requests, 3);
      assert.ok(maxNs > 200e6 && maxNs < 260e6, `${maxNs}`);
    }
  }));

Deno.test("requests that curl sends over TLS are counted on the client's side", () =>
  withCertificate(async (_folder, certificate) => {
    await using python = await startPython("thread", "tcp4", "", { certificate });
    const url = `https://127.0.0.1:${python.port}`;
    const urls = Array.from({ length: 23 }, () => `${url}/status/503`);
    const curl = new Deno.Command("curl", {
      args: ["-sk", `${url}/delay/2000`, ...urls],
      stdout: "null",
    }).spawn();
    await sleep(500);
    await using counter = await HttpCounter.start("sockets", [curl.pid]);
    await counter.readTls([curl.pid]);
    assert.equal((await curl.status).code, 0);
    const { requests, errors5xx } = counter.take("client");
    assert.deepEqual([requests, errors5xx], [23, 23]);
    assert.equal(counter.take("server").requests, 0);
  }));

Deno.test("a process that no policy with tls matches is not looked into, by whatever is attached for others", () =>
  withCertificate(async (folder, certificate) => {
    await using watched = await startNginx(folder, 1, { certificate });
    await using other = await makeTestFolder("tls-other");
    await Deno.chmod(other.path, 0o777);
    await using unwatched = await startNginx(other.path, 1, { certificate });
    await using counter = await HttpCounter.start("sockets", [...watched.pids(), ...unwatched.pids()]);
    const place = counter.places.open()!;
    for (const pid of unwatched.pids()) counter.programs.watch(pid, place);
    const cursor = counter.places.openCounters(place, "server")!;
    await counter.readTls(watched.pids());
    await runAb(["-n", "101", "-c", "3", "-k", `https://127.0.0.1:${unwatched.port}/`]);
    assert.equal(cursor.read(), undefined);
    assert.equal(counter.programs.tls!.sessions.readBatch().count, 0);
    const { connections: { server } } = counter.places.counts(place);
    assert.deepEqual([server[0], server[2]], [0, 3]);
    await runAb(["-n", "101", "-c", "3", "-k", `https://127.0.0.1:${watched.port}/`]);
    await counter.expect([101, 0, 0]);
  }));

Deno.test({
  name: "a process beside a watched one has no breakpoint, until so many are watched that they share one",
  ignore: missingUprobeFilter(libbpf) !== undefined,
  fn: () =>
    withCertificate(async (folder, certificate) => {
      await using watched = await startNginx(folder, 12, { certificate });
      await using other = await makeTestFolder("tls-other");
      await Deno.chmod(other.path, 0o777);
      await using unwatched = await startNginx(other.path, 1, { certificate });
      const isProbed = (pids: number[]) => pids.map((pid) => readEntry(pid) === breakpoint);
      await using counter = await HttpCounter.start("sockets", [...watched.pids(), ...unwatched.pids()]);
      const few = watched.pids().slice(0, 5);
      await counter.readTls(few);
      assert.deepEqual(isProbed(watched.pids()), watched.pids().map((pid) => few.includes(pid)));
      assert.deepEqual(isProbed(unwatched.pids()), [false, false]);
      await counter.readTls(watched.pids());
      assert.ok(isProbed([...watched.pids(), ...unwatched.pids()]).every((probed) => probed));
      await runAb(["-n", "211", "-c", "13", "-k", `https://127.0.0.1:${watched.port}/`]);
      await counter.expect([211, 0, 0]);
    }),
});

Deno.test("TLS of children that are forked for each connection is read, though nobody follows them", () =>
  withCertificate(async (_folder, certificate) => {
    await using python = await startPython("fork", "tcp4", "", { certificate, loaded: true });
    await using counter = await HttpCounter.start("sockets", python.pids());
    await counter.readTls(python.pids());
    const url = `https://127.0.0.1:${python.port}`;
    // The first child tells that there are some.
    await runCurl("-k", `${url}/`);
    await counter.readTls([python.pid]);
    counter.take();
    for (let connection = 0; connection < 7; connection++) {
      await runCurl("-k", ...Array.from({ length: 13 }, () => `${url}/status/503`));
    }
    await counter.expect([91, 0, 91]);
  }));

Deno.test("nothing of the plaintext but the path is kept", () =>
  withCertificate(async (folder, certificate) => {
    await using nginx = await startNginx(folder, 1, { certificate });
    await using counter = await HttpCounter.start("sockets", nginx.pids());
    await counter.readTls(nginx.pids());
    counter.filter("server", { kind: "prefix", text: "/" });
    counter.places.setSampleShift(counter.number, 0);
    const url = `https://127.0.0.1:${nginx.port}/visible?q=canary`;
    const headers = ["-H", "Authorization: canary", "-H", "A: canary", "-A", "canary"];
    const addresses = Array.from({ length: 23 }, () => url);
    await runCurl("-k", "--http1.1", ...headers, "-d", "canary canary", ...addresses);
    const samples: string[] = [];
    counter.programs.samples.drain((view, at, length) => {
      samples.push(
        new TextDecoder("latin1").decode(new Uint8Array(view.buffer, view.byteOffset + at, length)),
      );
    });
    assert.equal(samples.length, 23);
    for (const sample of samples) assert.ok(sample.includes("/visible?\0"), sample);
    const kept = [...samples];
    for (const map of counter.programs.object.maps()) {
      if (["samples", "tls_threads", "sockets", "sockets_by_inode", "uris"].includes(map.name)) continue;
      const { keys, values } = map.readBatch();
      kept.push(new TextDecoder("latin1").decode(keys), new TextDecoder("latin1").decode(values));
    }
    assert.ok(kept.some((text) => text.includes("/visible?")));
    for (const text of kept) assert.ok(!text.includes("canary"));
  }));

/** First byte of an instruction that was replaced (int3). */
const breakpoint = 0xcc;

/** First byte of SSL_free, where a probe is, as a process executes it. Source: /proc/PID/mem. */
function readEntry(pid: number): number {
  const path = "/usr/lib/x86_64-linux-gnu/libssl.so.3";
  const { stdout } = new Deno.Command("sh", { args: ["-c", `nm -D ${path} | grep ' SSL_free@'`] })
    .outputSync();
  const address = parseInt(new TextDecoder().decode(stdout), 16);
  const [start] = /^([0-9a-f]+)-\S+ \S+ 00000000 .*libssl\.so\.3$/m.exec(
    Deno.readTextFileSync(`/proc/${pid}/maps`),
  )!.slice(1);
  using file = Deno.openSync(`/proc/${pid}/mem`);
  file.seekSync(parseInt(start!, 16) + address, Deno.SeekMode.Start);
  const bytes = new Uint8Array(1);
  file.readSync(bytes);
  return bytes[0]!;
}
