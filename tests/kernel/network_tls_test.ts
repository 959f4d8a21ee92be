import assert from "node:assert/strict";
import { type NetworkProfile, NetworkRole } from "../../src/gen/stakeout/v1/network_pb.ts";
import { makeCertificate } from "../support/certificate.ts";
import { findFreePort } from "../support/free_port.ts";
import { startPythonPeer } from "../support/python_peer.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { libbpf } from "./harness.ts";
import { withoutLeaks } from "./leak_check.ts";
import { NetworkRecorder } from "./network_recorder.ts";

/** Edges of TCP as `PID client|server PORT tls|plain`, in order. */
function edgesOf({ edges }: NetworkProfile): string[] {
  return edges.filter(({ serverPort }) => serverPort !== 0).map(({ processId, role, serverPort, tls }) =>
    [
      processId.replace("p-", ""),
      role === NetworkRole.SERVER ? "server" : "client",
      serverPort,
      tls ? "tls" : "plain",
    ].join(" ")
  ).sort();
}

/** Starts OpenSSL's own server, which answers each line with the line reversed. */
async function startOpenSsl(folder: string): Promise<AsyncDisposable & { pid: number; port: number }> {
  const { certificate, key } = await makeCertificate(folder);
  const port = findFreePort();
  const child = new Deno.Command("openssl", {
    args: ["s_server", "-accept", `127.0.0.1:${port}`, "-cert", certificate, "-key", key, "-rev"],
    ...{ stdin: "null", stdout: "piped", stderr: "null" },
  }).spawn();
  const said = child.stdout.getReader();
  await said.read();
  return {
    ...{ pid: child.pid, port },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await said.cancel();
      await child.status;
    },
  };
}

Deno.test("network tells the edges whose connections began with TLS, at both ends, and no others", () =>
  withoutLeaks(libbpf, async () => {
    await using folder = await makeTestFolder("tls");
    await using secure = await startOpenSsl(folder.path);
    await using plain = await startPythonPeer();
    await using client = await startPythonPeer();
    const port = await plain.run<number>("(l := listen()).getsockname()[1]");
    await plain.run("serve_echo(l)");
    const recorder = await NetworkRecorder.start([secure.pid, plain.pid, client.pid]);
    await client.run("(t := __import__('ssl')._create_unverified_context()) and 0");
    await client.run(`(s := t.wrap_socket(connect(${secure.port}))) and 0`);
    assert.equal(await client.run(`s.sendall(b'abc\\n') or s.recv(9).decode()`), "cba\n");
    // A record of TLS, but not the first bytes of its connection.
    await client.run(`(c := connect(${port})) and 0`);
    assert.equal(await client.run("c.sendall(b'hello') or receive(c, 5)"), 5);
    assert.equal(
      await client.run("c.sendall(b'\\x16\\x03\\x01\\x00\\x05hello') or receive(c, 10)"),
      10,
    );
    const { profile } = await recorder.stop();
    assert.deepEqual(
      edgesOf(profile),
      [
        `${secure.pid} server ${secure.port} tls`,
        `${plain.pid} server ${port} plain`,
        `${client.pid} client ${secure.port} tls`,
        `${client.pid} client ${port} plain`,
      ].sort(),
    );
    assert.equal(profile.loss?.tlsConnections, 2n);
  }));

Deno.test("network keeps a connection one of TLS when another process goes on with it", () =>
  withoutLeaks(libbpf, async () => {
    await using folder = await makeTestFolder("handed");
    await using first = await startPythonPeer();
    await using next = await startPythonPeer();
    await using client = await startPythonPeer();
    const path = `${folder.path}/a.sock`;
    await next.run(`(u := socket.socket(socket.AF_UNIX)).bind('${path}') or u.listen()`);
    const port = await first.run<number>("(l := listen()).getsockname()[1]");
    const recorder = await NetworkRecorder.start([first.pid, next.pid]);
    await client.run(`(c := connect(${port})).sendall(b'\\x16\\x03\\x01\\x00\\x05hello')`);
    await first.run("receive(a := l.accept()[0], 10)");
    await first.run(`(v := socket.socket(socket.AF_UNIX)).connect('${path}')`);
    await first.run("socket.send_fds(v, [b'x'], [a.fileno()])");
    await next.run("(b := socket.socket(fileno=socket.recv_fds(u.accept()[0], 1, 1)[1][0])) and 0");
    await client.run("c.sendall(b'more')");
    assert.equal(await next.run("receive(b, 4)"), 4);
    const { profile } = await recorder.stop();
    assert.deepEqual(
      edgesOf(profile),
      [`${first.pid} server ${port} tls`, `${next.pid} server ${port} tls`].sort(),
    );
  }));
