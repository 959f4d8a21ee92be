import { toBinary } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import {
  NetworkChunkSchema,
  NetworkRole,
  SampleReason,
  TraceHeader,
} from "../../src/gen/stakeout/v1/network_pb.ts";
import { startPython } from "../support/http_servers.ts";
import { startPythonPeer } from "../support/python_peer.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { libbpf, sleep } from "./harness.ts";
import { withoutLeaks } from "./leak_check.ts";
import { NetworkRecorder, sumEdges } from "./network_recorder.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";

Deno.test("network hands over no header, no body, no query and no password, only a trace id", () =>
  withoutLeaks(libbpf, async () => {
    await using server = await startPythonPeer();
    await using client = await startPythonPeer();
    const port = await server.run<number>("(l := listen()).getsockname()[1]");
    // Bodies and headers of both directions, the query, the fragment and the userinfo all hold the canary.
    await server.run(
      `serve_http(l, lambda c, head: c.sendall(b"HTTP/1.1 500 canary-reason\\r\\nSet-Cookie: canary-cookie\\r\\n" ` +
        `b"Content-Length: 11\\r\\n\\r\\ncanary-body"))`,
    );
    const recorder = await NetworkRecorder.start([server.pid, client.pid]);
    await client.run(`(c := connect(${port}))`);
    const heads = [
      "GET /pay?canary-query HTTP/1.1",
      "GET /pay#canary-fragment HTTP/1.1",
      "GET http://canary-user:canary-password@shop/pay HTTP/1.1",
      `GET /${"x".repeat(150)}canary-tail HTTP/1.1`,
      "POST /pay HTTP/1.1",
    ];
    for (const [index, head] of heads.entries()) {
      const lines = [
        head,
        "Authorization: Bearer canary-token",
        "Cookie: canary-cookie",
        `traceparent: 00-${traceId}-b7ad6b7169203331-01`,
        "X-Long: " + "canary".repeat(300),
      ];
      const text = lines.join("\\r\\n") + "\\r\\n\\r\\n";
      // The one with the fragment in pieces.
      if (index !== 1) await client.run(`c.sendall(b"${text}")`);
      else {await client.run(
          `[(c.send(b"${text}"[i:i + 3]), time.sleep(0.001)) for i in range(0, 30, 3)] and c.sendall(b"${text}"[30:])`,
        );}
      await client.run("c.recv(4096) and 0");
    }
    const { chunks, profile } = await recorder.stop();
    const bytes = chunks.flatMap((chunk) => [...toBinary(NetworkChunkSchema, chunk)]);
    const text = new TextDecoder("latin1").decode(Uint8Array.from(bytes));
    assert.ok(text.includes("/pay"), "the paths are there");
    assert.doesNotMatch(text, /canary|Bearer|shop|Set-Cookie|Authorization/);
    assert.equal(sumEdges(profile).http?.errors5xx, 10n);
    assert.deepEqual(
      [...new Set(profile.paths.map(({ path }) => path))].sort(),
      ["/pay", `/${"x".repeat(119)}…`],
    );
    const traced = profile.samples.filter((sample) => sample.traceId === traceId);
    assert.ok(traced.length >= 6, `${traced.length} of ${profile.samples.length} with a trace id`);
    assert.ok(
      traced.every((sample) =>
        sample.traceHeader === TraceHeader.TRACEPARENT && sample.spanId === "b7ad6b7169203331" &&
        sample.reason === SampleReason.FAILED && sample.status === 500
      ),
    );
    const posts = profile.samples.filter(({ method }) => method === "POST");
    assert.equal(posts.length, 2);
  }));

Deno.test("network splits a request's time into reading, working and writing", () =>
  withoutLeaks(libbpf, async () => {
    await using server = await startPythonPeer();
    await using client = await startPythonPeer();
    const port = await server.run<number>("(l := listen()).getsockname()[1]");
    await server.run(
      `serve_http(l, lambda c, head: time.sleep(0.06) or c.sendall(b"HTTP/1.1 503 No\\r\\nContent-Length: 6\\r\\n\\r\\n") ` +
        `or time.sleep(0.09) or c.sendall(b"answer"))`,
    );
    const recorder = await NetworkRecorder.start([server.pid, client.pid]);
    await client.run(`(c := connect(${port}))`);
    await client.run(
      `c.send(b"PUT /slow HTTP/1.1\\r\\nHost: a\\r\\n") and time.sleep(0.03) or c.send(b"\\r\\n")`,
    );
    await client.run("receive(c, 44)");
    await client.run("c.close()");
    const { profile } = await recorder.stop();
    assert.equal(profile.samples.length, 2);
    for (const sample of profile.samples) {
      const role = profile.edges.find(({ edge }) => edge === sample.edge)!.role;
      const [requestMs, waitMs, responseMs] = [sample.requestNs, sample.waitNs, sample.responseNs].map((ns) =>
        Number(ns) / 1e6
      );
      assert.ok(
        near(requestMs!, 30, role === NetworkRole.SERVER) && near(waitMs!, 60) &&
          near(responseMs!, 90, role === NetworkRole.CLIENT),
        `${[requestMs, waitMs, responseMs]}`,
      );
      assert.deepEqual([sample.method, sample.path, sample.status, sample.complete], [
        "PUT",
        "/slow",
        503,
        true,
      ]);
      assert.deepEqual([sample.requestBytes, sample.responseBytes], [31n, 44n]);
      assert.ok(sample.threadName.startsWith("python"));
      if (role === NetworkRole.CLIENT) assert.equal(sample.tid, client.pid);
      else assert.notEqual(sample.tid, server.pid);
    }
  }));

Deno.test("network counts 10,000 connections from 4,500 addresses, and tells which it merged", () =>
  withoutLeaks(libbpf, async () => {
    await using server = await startPythonPeer();
    await using client = await startPythonPeer();
    for (const peer of [server, client]) {
      await peer.run("resource.setrlimit(7, (resource.getrlimit(7)[1],) * 2)");
    }
    const port = await server.run<number>("(l := listen(0, '0.0.0.0')).getsockname()[1]");
    const recorder = await NetworkRecorder.start([server.pid]);
    const addresses = 4500;
    for (let from = 0; from < addresses; from += 1500) {
      await client.run(
        `(a := [socket.create_connection(('127.0.0.1', ${port}), source_address=(f'127.1.{i // 250}.{i % 250 + 1}', 0)) ` +
          `for i in range(${from}, ${from + 1500})]) and 0`,
      );
      await server.run("(b := [l.accept()[0] for _ in range(1500)]) and 0");
      await client.run("[c.sendall(b'12345678') for c in a] and 0");
      await server.run("[receive(c, 8) for c in b] and 0");
      await client.run("[c.close() for c in a] and 0");
      await server.run("[c.close() for c in b] and 0");
    }
    for (let batch = 0; batch < 4; batch++) {
      await client.run(`(a${batch} := [connect(${port}) for _ in range(1375)]) and 0`);
      await server.run(`(b${batch} := [l.accept()[0] for _ in range(1375)]) and 0`);
      await client.run(`[c.sendall(b'1') for c in a${batch}] and 0`);
      await server.run(`[receive(c, 1) for c in b${batch}] and 0`);
    }
    const startMs = performance.now();
    const { profile, outcome } = await recorder.stop();
    const tookMs = performance.now() - startMs;
    const sum = sumEdges(profile);
    assert.deepEqual([sum.opened, sum.open], [10_000, 5_500]);
    assert.equal(sum.receivedBytes, BigInt(addresses * 8 + 5500));
    assert.equal(profile.edges.filter(({ merged }) => !merged).length, 3583);
    const merged = sumEdges(profile, (edge) => edge.merged);
    assert.equal(BigInt(merged.opened), profile.loss!.merged);
    assert.equal(outcome.loss.taken, outcome.loss.stored + outcome.loss.lostAgent);
    assert.ok(tookMs < 3000, `${tookMs} ms`);
  }));

Deno.test("network is not misled by port scans, half-open connections and connections without a byte", () =>
  withoutLeaks(libbpf, async () => {
    await using server = await startPythonPeer();
    await using client = await startPythonPeer();
    const port = await server.run<number>("(l := listen()).getsockname()[1]");
    const recorder = await NetworkRecorder.start([server.pid]);
    // Closed ports, all but the one: nothing of the server's.
    await client.run(`[try_connect(p) for p in range(${port - 200}, ${port + 200}) if p != ${port}] and 0`);
    await client.run(`[try_connect(${port}) for _ in range(50)] and 0`);
    await client.run(`[reset(connect(${port})) for _ in range(30)] and 0`);
    await server.run("[l.accept()[0].close() for _ in range(80)] and 0");
    const { profile } = await recorder.stop();
    const sum = sumEdges(profile);
    assert.deepEqual([sum.opened, sum.open, sum.closedByRemote, sum.closedByReset], [80, 0, 50, 30]);
    assert.equal(sum.resetsReceived, 30);
    assert.ok(profile.edges.every(({ serverPort }) => serverPort === port));
  }));

Deno.test("network counts what forked workers do, told apart and beyond, before and after they are known", () =>
  withoutLeaks(libbpf, async () => {
    await using folder = await makeTestFolder("fork");
    await using server = await startPython("fork", "tcp4", folder.path);
    await using client = await startPythonPeer();
    const recorder = await NetworkRecorder.start([server.pid]);
    const request = `b"GET /status/201 HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"`;
    const ask = (name: string) =>
      client.run(`[c.sendall(${request}) for c in ${name}] and [c.recv(4096) for c in ${name}] and 0`);
    await client.run(`(a := connect(${server.port}, count=300)) and 0`);
    await ask("a");
    recorder.workers.push(...server.pids().filter((pid) => pid !== server.pid));
    await sleep(2500);
    await ask("a");
    await client.run(`(b := connect(${server.port}, count=100)) and 0`);
    await ask("b");
    await client.run("[c.close() for c in b] and 0");
    const { profile } = await recorder.stop();
    const sum = sumEdges(profile);
    assert.deepEqual([sum.http?.requests, sum.opened, sum.open], [700n, 400, 300]);
    assert.equal(profile.loss?.lostChildren, 0n);
    const owners = new Set(profile.edges.map(({ processId }) => processId));
    assert.equal(owners.size, 256);
  }));

/** A pause lasts at least as long for who makes it; for a reader of what comes before, less when it wakes late. */
function near(value: number, wanted: number, isReader = false): boolean {
  return value > wanted - (isReader ? 8 : 1) && value < wanted + 60;
}
