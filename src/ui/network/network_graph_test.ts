/// <reference lib="deno.ns" />
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { NetworkProfileSchema, NetworkProtocol, NetworkRole } from "../../gen/stakeout/v1/network_pb.ts";
import { foldGraph } from "./fold_graph.ts";
import { layoutGraph } from "./layout_graph.ts";
import { buildGraph, channelWords, linkEnds } from "./network_graph.ts";

const loopback = new Uint8Array([127, 0, 0, 1]);
const remote = new Uint8Array([10, 0, 0, 7]);
const { CLIENT, SERVER, UNSPECIFIED } = NetworkRole;

type Init = MessageInitShape<typeof NetworkProfileSchema>;

/** Two workers of a proxy: both serve curl, one calls an app of the same instance and a database elsewhere. */
function proxy(rest: Init = {}) {
  const tcp = { protocol: NetworkProtocol.TCP, localAddress: loopback, remoteAddress: loopback };
  const edges = [
    { edge: 1, processId: "w1", role: SERVER, serverPort: 80, peerProcessId: "curl", ...tcp },
    { edge: 2, processId: "w2", role: SERVER, serverPort: 80, peerProcessId: "curl", ...tcp },
    { edge: 3, processId: "w1", role: CLIENT, serverPort: 9000, peerProcessId: "app", ...tcp },
    { edge: 4, processId: "app", role: SERVER, serverPort: 9000, peerProcessId: "w1", ...tcp },
    { edge: 5, processId: "w1", role: CLIENT, serverPort: 5432, ...tcp, remoteAddress: remote, tls: true },
    { edge: 6, processId: "w2", role: UNSPECIFIED, protocol: NetworkProtocol.UNIX },
  ];
  return create(NetworkProfileSchema, {
    ...{ seconds: 12, observedSeconds: 10 },
    processes: [
      ...["w1", "w2", "app", "idle"].map((processId, index) => ({
        ...{ processId, pid: index + 1, name: processId, covered: true },
      })),
      { processId: "curl", pid: 99, name: "curl" },
    ],
    edges,
    totals: edges.map(({ edge }) => ({ edge, sentBytes: 100n, open: 1 })),
    ...rest,
  });
}

Deno.test("buildGraph() has callers, processes and what they call, each peer once", () => {
  const { nodes, links, quiet } = buildGraph(proxy());
  const titles = (side: string) =>
    [...nodes.values()].filter((node) => node.side === side).map(({ title }) => title);
  assert.deepEqual(titles("client"), ["curl (99)"]);
  assert.deepEqual(titles("process"), ["w1 (1)", "w2 (2)", "app (3)"]);
  assert.deepEqual(titles("server"), ["10.0.0.7:5432", "connected socket"]);
  assert.deepEqual(quiet.map(({ name }) => name), ["idle"]);
  // What one process of the instance says to another is one line, not one from each end.
  assert.deepEqual(links.map(({ edges }) => edges), [[1], [2], [3], [5], [6]]);
  const ends = links.map((link) => linkEnds(link, nodes)).map(({ from, arrow, to }) =>
    `${from?.title} ${arrow} ${to?.title}`
  );
  assert.deepEqual(ends, [
    "curl (99) → w1 (1)",
    "curl (99) → w2 (2)",
    "w1 (1) → app (3)",
    "w1 (1) → 10.0.0.7:5432",
    "w2 (2) ↔ connected socket",
  ]);
  assert.deepEqual(links.map(channelWords), [
    ...["TCP :80", "TCP :80", "TCP :9000"],
    ...["TCP :5432 with TLS", "Unix socket"],
  ]);
});

Deno.test("buildGraph() adds up what a process serves and what it calls apart", () => {
  const w1 = buildGraph(proxy()).nodes.get("p w1");
  assert.deepEqual([w1?.sum.sentBytes, w1?.served.sentBytes, w1?.called.sentBytes], [300, 100, 200]);
});

Deno.test("buildGraph() names a peer of another host by that host's own task", () => {
  const processes = [{ processId: "d", pid: 7, name: "postgres" }, {
    processId: "e",
    pid: 8,
    name: "postgres",
  }];
  const { nodes, links } = buildGraph(
    proxy({ farEnds: [{ edges: [5], host: "db-1", taskId: "t", processes }] }),
  );
  const database = [...nodes.values()].find(({ title }) => title.startsWith("postgres"));
  assert.deepEqual([database?.title, database?.detail], ["postgres (7) and 1 more", "db-1, 10.0.0.7:5432"]);
  assert.equal(links.find(({ edges }) => edges.includes(5))?.far[0]?.taskId, "t");
});

Deno.test("foldGraph() joins what is not shown, and nothing gets lost", () => {
  const graph = buildGraph(proxy());
  const { columns, lines } = foldGraph(graph, {
    client: [...graph.nodes.keys()].slice(0, 0),
    process: ["p w1"],
    server: [],
  });
  assert.deepEqual(columns.process.map(({ key, count }) => [key, count]), [["p w1", 1], ["rest process", 2]]);
  assert.deepEqual([columns.client[0]?.count, columns.server[0]?.count], [1, 2]);
  assert.equal(lines.flatMap(({ links }) => links).length, graph.links.length);
  assert.equal(columns.process[1]?.sum.sentBytes, 300);
});

Deno.test("layoutGraph() places cards without overlap, lines' ends on their cards, and old rows where they were", () => {
  const graph = buildGraph(proxy());
  const shown = { client: ["client curl "], process: ["p w1", "p w2", "p app"], server: [] };
  const placed = layoutGraph(foldGraph(graph, shown), 1200);
  for (const side of ["client", "process", "server"]) {
    const column = placed.rows.filter((row) => row.side === side);
    column.forEach((row, index) => {
      const above = column[index - 1];
      assert.ok(above === undefined || above.y + above.height < row.y);
    });
  }
  for (const line of placed.lines) {
    for (const [key, end] of [[line.process, line.from], [line.peer, line.to]] as const) {
      const row = placed.rows.find((one) => one.key === key)!;
      assert.ok(end.y > row.y && end.y < row.y + row.height, `${line.key} ${key}`);
      assert.ok(end.x === row.x || end.x === row.x + placed.cardWidth);
    }
  }
  const more = { ...shown, server: ["server 10.0.0.7:5432 TCP :5432"] };
  const later = layoutGraph(foldGraph(graph, more), 1200);
  for (const { key, x, y } of placed.rows.filter(({ node }) => node !== undefined)) {
    const now = later.rows.find((row) => row.key === key);
    assert.deepEqual([now?.x, now?.y], [x, y]);
  }
});
