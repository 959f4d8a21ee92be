import assert from "node:assert/strict";
import { NetworkRole } from "../../../src/gen/stakeout/v1/network_pb.ts";
import { formatAddress } from "../../../src/model/network_address.ts";
import {
  linkAddresses,
  makeNetworkNamespace,
  makeSlowLink,
  readSocketStatistics,
} from "../../support/network_namespace.ts";
import { startPythonPeer } from "../../support/python_peer.ts";
import { makeTestFolder } from "../../support/test_folder.ts";
import { compileTarget, libbpf } from "../harness.ts";
import { withoutLeaks } from "../leak_check.ts";
import { NetworkRecorder, sumEdges } from "../network_recorder.ts";

Deno.test("network tells round trip times as ss does, through namespaces and delay", () =>
  withoutLeaks(libbpf, async () => {
    await using link = await makeSlowLink(await compileTarget("slow_link"), { delayMs: 20, loseOneIn: 0 });
    await using server = await startPythonPeer(link.left.within);
    await using client = await startPythonPeer(link.right.within);
    const port = await server.run<number>(`(l := listen(0, '${linkAddresses.left}')).getsockname()[1]`);
    await server.run("serve_echo(l)");
    const recorder = await NetworkRecorder.start([server.pid, client.pid]);
    await client.run(`(c := connect(${port}, '${linkAddresses.left}'))`);
    await client.run("[c.sendall(b'ping') or receive(c, 4) for _ in range(30)] and 0");
    const [statistics] = await readSocketStatistics(link.right, port);
    const { profile } = await recorder.stop();
    const sum = sumEdges(profile, ({ role }) => role === NetworkRole.CLIENT);
    const last = profile.traffic.findLast(({ rttSamples, edge }) =>
      rttSamples > 0 && profile.edges.find((one) => one.edge === edge)?.role === NetworkRole.CLIENT
    )!;
    const rttMs = Number(last.rttSumUs) / last.rttSamples / 1000;
    assert.ok(statistics!.rttMs >= 40, `${statistics!.rttMs} ms`);
    assert.ok(Math.abs(rttMs / statistics!.rttMs - 1) < 0.05, `${rttMs} ms, ss says ${statistics!.rttMs} ms`);
    assert.ok(sum.connectMaxNs >= 40_000_000n && sum.connectMaxNs < 80_000_000n, `${sum.connectMaxNs} ns`);
    assert.equal(sum.retransmits, 0);
    const addresses = profile.edges.map(({ localAddress, remoteAddress, serverPort }) =>
      [formatAddress(localAddress), formatAddress(remoteAddress), serverPort].join(" ")
    );
    const { left, right } = linkAddresses;
    assert.deepEqual(addresses.sort(), [`${left} ${right} ${port}`, `${right} ${left} ${port}`]);
    assert.equal(new Set(profile.edges.map(({ networkNamespace }) => networkNamespace)).size, 2);
  }));

Deno.test("network counts segments sent again as the kernel does, with one packet in 50 lost", () =>
  withoutLeaks(libbpf, async () => {
    await using link = await makeSlowLink(await compileTarget("slow_link"), { delayMs: 1, loseOneIn: 50 });
    await using server = await startPythonPeer(link.left.within);
    await using client = await startPythonPeer(link.right.within);
    const port = await server.run<number>(`(l := listen(0, '${linkAddresses.left}')).getsockname()[1]`);
    await server.run("serve_echo(l)");
    const recorder = await NetworkRecorder.start([client.pid]);
    await client.run(`(a := connect(${port}, '${linkAddresses.left}', count=3)) and 0`);
    await client.run("[c.sendall(b'x' * 20000) or receive(c, 20000) for _ in range(8) for c in a] and 0");
    const statistics = await readSocketStatistics(link.right, port);
    const { profile } = await recorder.stop();
    const sum = sumEdges(profile);
    assert.equal(statistics.length, 3);
    assert.equal(sum.retransmits, statistics.reduce((total, { retransmits }) => total + retransmits, 0));
    assert.ok(sum.retransmits > 0);
    assert.deepEqual([sum.sentBytes, sum.receivedBytes], [480_000n, 480_000n]);
  }));

Deno.test("network times DNS, and tells names, failures and what is never answered", () =>
  withoutLeaks(libbpf, async () => {
    await using folder = await makeTestFolder("dns");
    await Deno.writeTextFile(
      `${folder.path}/resolv.conf`,
      "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
    );
    await using namespace = await makeNetworkNamespace();
    await using server = await startPythonPeer(namespace.within);
    await using client = await startPythonPeer([...namespace.within, "unshare", "--mount"]);
    await client.run(`os.system('mount --bind ${folder.path}/resolv.conf /etc/resolv.conf')`);
    await server.run("(s := socket.socket(type=socket.SOCK_DGRAM)).bind(('127.0.0.1', 53))");
    await server.run("serve_dns(s, 0.005)");
    const recorder = await NetworkRecorder.start([client.pid]);
    // Connected and not, by hand and by glibc, which asks for A and AAAA in one call.
    await client.run(
      "(c := socket.socket(type=socket.SOCK_DGRAM)).connect(('127.0.0.1', 53)) or c.settimeout(0.3)",
    );
    await client.run("(d := socket.socket(type=socket.SOCK_DGRAM)).settimeout(0.3)");
    assert.equal(await client.run("ask_dns(c, 'www.Example.com', 1)"), 0);
    assert.equal(await client.run("ask_dns(d, 'none.example.com', 2, 28, ('127.0.0.1', 53))"), 3);
    assert.equal(await client.run("ask_dns(d, 'fail.example.com', 3, 1, ('127.0.0.1', 53))"), 2);
    assert.equal(await client.run("ask_dns(c, 'lost.example.com', 4)"), -1);
    assert.equal(await client.run("try_connect(1, 'none.glibc.example')"), "gaierror");
    const { profile } = await recorder.stop();
    const sum = sumEdges(profile);
    const names = profile.dns.map(({ name, type, dns, timeouts }) =>
      `${name} ${type}: ${dns?.requests} ${dns?.errors4xx} ${dns?.errors5xx} ${timeouts}`
    );
    assert.deepEqual(names.sort(), [
      "fail.example.com 1: 1 0 1 0",
      "lost.example.com 1: 0 0 0 1",
      "none.example.com 28: 1 1 0 0",
      "none.glibc.example 1: 1 1 0 0",
      "none.glibc.example 28: 1 1 0 0",
      "www.example.com 1: 1 0 0 0",
    ]);
    assert.deepEqual([sum.dns?.requests, sum.dnsTimeouts], [5n, 1]);
    const meanMs = Number(sum.dns!.sumNs) / 5 / 1e6;
    assert.ok(meanMs >= 5 && meanMs < 100, `${meanMs} ms`);
    assert.ok(profile.edges.every(({ serverPort }) => serverPort === 53));
  }));
