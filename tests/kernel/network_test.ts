import assert from "node:assert/strict";
import { type NetworkEdge, NetworkProtocol, NetworkRole } from "../../src/gen/stakeout/v1/network_pb.ts";
import { formatAddress } from "../../src/model/network_address.ts";
import { runAb, runCurl } from "../support/http_clients.ts";
import { startNginx } from "../support/http_servers.ts";
import { startPythonPeer } from "../support/python_peer.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { waitFor } from "../support/wait.ts";
import { libbpf } from "./harness.ts";
import { withoutLeaks } from "./leak_check.ts";
import { NetworkRecorder, sumEdges } from "./network_recorder.ts";

function isServer({ role }: NetworkEdge): boolean {
  return role === NetworkRole.SERVER;
}

function isClient({ role }: NetworkEdge): boolean {
  return role === NetworkRole.CLIENT;
}

Deno.test("network counts connections, requests and bytes of nginx as its clients do", () =>
  withoutLeaks(libbpf, async () => {
    await using folder = await makeTestFolder("nginx");
    await Deno.chmod(folder.path, 0o777);
    await using nginx = await startNginx(folder.path, 2);
    await waitFor(() => nginx.pids().length === 3 || undefined, 5);
    await using client = await startPythonPeer();
    const recorder = await NetworkRecorder.start(nginx.pids());
    recorder.others.push(client.pid);
    const url = `http://127.0.0.1:${nginx.port}`;

    assert.equal((await runAb(["-n", "1009", "-c", "7", `${url}/a?token=1`])).complete, 1009);
    assert.equal((await runAb(["-n", "503", "-c", "3", "-k", `${url}/status/404`])).non2xx, 503);
    await runCurl(`${url}/file`);
    const request = `b"GET /file HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"`;
    await client.run(`(c := connect(${nginx.port}))`);
    await client.run(`c.sendall(${request})`);
    const head = await client.run<number>(`len(first := c.recv(65536))`);
    const rest = await client.run<number>(
      `receive(c, 300000 + first.index(b"\\r\\n\\r\\n") + 4 - len(first))`,
    );
    await client.run("c.close()");

    const { profile, outcome } = await recorder.stop();
    // ab opens more connections than it uses, as the kernel's PassiveOpens tells as well.
    const used = new Set(profile.totals.filter(({ http }) => http !== undefined).map(({ edge }) => edge));
    const sum = sumEdges(profile, ({ edge }) => used.has(edge));
    assert.equal(sum.http?.requests, BigInt(1009 + 503 + 2));
    assert.equal(sum.http?.errors4xx, 503n);
    assert.deepEqual([sum.opened, sum.open], [1009 + 3 + 2, 0]);
    assert.equal(sum.closedByLocal + sum.closedByRemote, 1009 + 3 + 2);
    assert.ok(sumEdges(profile, isServer).opened - sum.opened <= 7 + 3);
    const paths = new Map<string, bigint>();
    for (const { pathNumber, http } of profile.pathTotals) {
      const { path } = profile.paths.find((one) => one.pathNumber === pathNumber)!;
      paths.set(path, (paths.get(path) ?? 0n) + http!.requests);
    }
    assert.deepEqual(Object.fromEntries(paths), { "/a": 1009n, "/status/404": 503n, "/file": 2n });
    const bytes = sumEdges(profile, ({ peerProcessId }) => peerProcessId === `p-${client.pid}`);
    assert.deepEqual([bytes.receivedBytes, bytes.sentBytes], [31n, BigInt(head + rest)]);
    assert.equal(outcome.loss.taken, outcome.loss.stored);
    assert.equal(
      sumEdges(profile).receivedMessages + sumEdges(profile).sentMessages,
      BigInt(outcome.loss.taken),
    );
  }));

Deno.test("network tells connect times, failures, who closed, and resets, on both ends", () =>
  withoutLeaks(libbpf, async () => {
    await using server = await startPythonPeer();
    await using client = await startPythonPeer();
    const port = await server.run<number>("(l := listen()).getsockname()[1]");
    const refused = await server.run<number>(
      "(r := socket.socket()).bind(('127.0.0.1', 0)) or r.getsockname()[1]",
    );
    const recorder = await NetworkRecorder.start([server.pid, client.pid]);
    await client.run(`(a := connect(${port}, count=9)) and 0`);
    await server.run("(b := [l.accept()[0] for _ in range(9)]) and 0");
    await server.run("[c.sendall(b'x' * 100) for c in b] and 0");
    await client.run("[receive(c, 100) for c in a] and 0");
    // Three are closed by the server, two by the client, one is reset by the client, one by the server for unread bytes.
    await server.run("[b[i].close() for i in (0, 1, 2)] and 0");
    await client.run("[a[i].recv(1) or a[i].close() for i in (0, 1, 2)] and 0");
    await client.run("[a[i].close() for i in (3, 4)] and 0");
    await server.run("[b[i].recv(1) or b[i].close() for i in (3, 4)] and 0");
    await client.run("reset(a[5])");
    await client.run("a[6].sendall(b'unread') or time.sleep(0.05)");
    await server.run("b[6].close()");
    for (let attempt = 0; attempt < 4; attempt++) {
      assert.equal(await client.run(`try_connect(${refused})`), "ConnectionRefusedError");
    }
    const { profile } = await recorder.stop();

    const atServer = sumEdges(profile, isServer);
    const atClient = sumEdges(profile, (edge) => isClient(edge) && edge.serverPort === port);
    assert.deepEqual([atServer.opened, atServer.open, atClient.opened, atClient.open], [9, 2, 9, 2]);
    assert.deepEqual(
      [atServer.closedByLocal, atServer.closedByRemote, atServer.closedByReset],
      [3, 2, 2],
    );
    assert.deepEqual(
      [atClient.closedByLocal, atClient.closedByRemote, atClient.closedByReset],
      [2, 3, 2],
    );
    assert.deepEqual([atServer.resetsReceived, atServer.resetsSent], [1, 1]);
    assert.deepEqual([atClient.resetsReceived, atClient.resetsSent], [1, 1]);
    assert.deepEqual([atServer.sentBytes, atClient.receivedBytes], [900n, 900n]);
    assert.equal(atClient.connects, 9);
    assert.ok(atClient.connectSumNs > 9_000n && atClient.connectSumNs < 1_000_000_000n);
    const failed = sumEdges(profile, (edge) => isClient(edge) && edge.serverPort === refused);
    assert.deepEqual([failed.connects, failed.connectsRefused, failed.opened], [4, 4, 0]);
    // Both ends are one connection, and each names the other.
    for (
      const { role, processId, peerProcessId } of profile.edges.filter((edge) => edge.serverPort === port)
    ) {
      const [here, there] = role === NetworkRole.SERVER ? [server, client] : [client, server];
      assert.deepEqual([processId, peerProcessId], [`p-${here.pid}`, `p-${there.pid}`]);
    }
  }));

Deno.test("network takes over the connections that are there, and knows which end opened them", () =>
  withoutLeaks(libbpf, async () => {
    await using server = await startPythonPeer();
    await using client = await startPythonPeer();
    const port = await server.run<number>("(l := listen()).getsockname()[1]");
    await client.run(`(a := connect(${port}, count=5)) and 0`);
    await server.run("(b := [l.accept()[0] for _ in range(5)]) and 0");
    await client.run("[c.sendall(b'before') for c in a] and 0");
    await server.run("[receive(c, 6) for c in b] and 0");
    const recorder = await NetworkRecorder.start([server.pid, client.pid]);
    await client.run("a[0].sendall(b'after')");
    await server.run("receive(b[0], 5)");
    await client.run("a[1].close()");
    await server.run("b[1].recv(1) or b[1].close()");
    const { profile } = await recorder.stop();
    for (const [end, bytes] of [[isServer, "receivedBytes"], [isClient, "sentBytes"]] as const) {
      const sum = sumEdges(profile, (edge) => end(edge) && edge.serverPort === port);
      assert.deepEqual([sum.opened, sum.open, sum[bytes], sum.connects], [5, 4, 5n, 0]);
    }
    assert.equal(profile.edges.filter((edge) => edge.serverPort === port).length, 2);
    for (const { peerProcessId } of profile.edges) assert.notEqual(peerProcessId, "");
  }));

Deno.test("network reads IPv6, and IPv4 on sockets of IPv6 as IPv4", () =>
  withoutLeaks(libbpf, async () => {
    await using server = await startPythonPeer();
    await using client = await startPythonPeer();
    const port = await server.run<number>("(l := listen(0, '::')).getsockname()[1]");
    await server.run("serve_echo(l)");
    const recorder = await NetworkRecorder.start([server.pid]);
    await client.run(`(a := [connect(${port}, '::1'), connect(${port}, '127.0.0.1')]) and 0`);
    await client.run("[c.sendall(b'hello') or receive(c, 5) for c in a] and 0");
    const { profile } = await recorder.stop();
    const addresses = profile.edges.map(({ remoteAddress }) => formatAddress(remoteAddress));
    assert.deepEqual(addresses.sort(), ["127.0.0.1", "::1"]);
    assert.ok(profile.edges.every(({ protocol, serverPort }) =>
      protocol === NetworkProtocol.TCP && serverPort === port
    ));
  }));

Deno.test("network knows the ends of Unix sockets", () =>
  withoutLeaks(libbpf, async () => {
    await using folder = await makeTestFolder("unix");
    await using server = await startPythonPeer();
    await using client = await startPythonPeer();
    const path = `${folder.path}/a.sock`;
    await server.run(`(l := socket.socket(socket.AF_UNIX)).bind('${path}') or l.listen() or serve_echo(l)`);
    await server.run(
      `(m := socket.socket(socket.AF_UNIX)).bind(chr(0) + 'hidden') or m.listen() or serve_echo(m)`,
    );
    const recorder = await NetworkRecorder.start([server.pid, client.pid]);
    for (const name of [`'${path}'`, "chr(0) + 'hidden'"]) {
      await client.run(
        `(c := socket.socket(socket.AF_UNIX)).connect(${name}) or c.sendall(b'x' * 77) or receive(c, 77)`,
      );
    }
    const { profile } = await recorder.stop();
    for (const unixPath of [path, "@hidden"]) {
      for (
        const [here, there, role] of [[server, client, NetworkRole.SERVER], [
          client,
          server,
          NetworkRole.CLIENT,
        ]] as const
      ) {
        const sum = sumEdges(profile, (edge) =>
          edge.unixPath === unixPath && edge.role === role && edge.processId === `p-${here.pid}` &&
          edge.peerProcessId === `p-${there.pid}`);
        assert.deepEqual([sum.opened, sum.receivedBytes, sum.sentBytes], [1, 77n, 77n]);
      }
    }
  }));

Deno.test("network tells connections and bytes by TCP's own counts where the kernel has no events of messages", () =>
  withoutLeaks(libbpf, async () => {
    await using server = await startPythonPeer();
    await using client = await startPythonPeer();
    const port = await server.run<number>("(l := listen()).getsockname()[1]");
    await server.run("serve_echo(l)");
    await client.run(`(a := connect(${port}, count=3)) and 0`);
    await client.run("[c.sendall(b'before') or receive(c, 6) for c in a] and 0");
    const recorder = await NetworkRecorder.start([server.pid, client.pid], { seesMessages: false });
    await client.run(`(b := connect(${port}, count=4)) and 0`);
    await client.run("[c.sendall(b'x' * 30000) or receive(c, 30000) for c in a + b] and 0");
    await client.run("[c.close() for c in a + b[:2]] and 0");
    const { profile } = await recorder.stop();
    for (const end of [isServer, isClient]) {
      const sum = sumEdges(profile, (edge) => end(edge) && edge.serverPort === port);
      assert.deepEqual([sum.opened, sum.open], [7, 2]);
      assert.deepEqual([sum.receivedBytes, sum.sentBytes], [210_000n, 210_000n]);
      assert.ok(sum.rttSamples > 0);
    }
    assert.match(profile.limits[0]!, /no events of messages/);
  }));
