import assert from "node:assert/strict";
import { NetworkRole } from "../../gen/stakeout/v1/network_pb.ts";
import { layouts } from "../../gen/records.ts";
import { EdgeBook } from "./edge_book.ts";

const { size, offsets } = layouts.network_edge_value;

/** The kernel's array with two edges of one process, to servers on ports 443 and 80. */
function makeEdges(): { edges: ArrayBuffer; markTls: (edge: number) => void } {
  const edges = new ArrayBuffer(3 * size);
  const view = new DataView(edges);
  for (const [edge, port] of [[1, 443], [2, 80]] as const) {
    view.setUint32(edge * size + offsets.number, 1, true);
    view.setUint8(edge * size + offsets.protocol, 1);
    view.setUint8(edge * size + offsets.role, 1);
    view.setUint8(edge * size + offsets.family, 4);
    view.setUint16(edge * size + offsets.port, port, true);
    view.setUint32(edge * size + offsets.remote, 0x0700000a, true);
  }
  return { edges, markTls: (edge) => view.setUint8(edge * size + offsets.tls, 1) };
}

Deno.test("EdgeBook says an edge again when it becomes one of TLS, under its number", () => {
  const { edges, markTls } = makeEdges();
  const book = new EdgeBook({ edges, covered: () => undefined, byTgid: () => undefined });
  const said = () =>
    book.takeUnsaid().edges.map(({ edge, serverPort, role, tls }) => {
      assert.equal(role, NetworkRole.CLIENT);
      return [edge, serverPort, tls];
    });
  assert.deepEqual([book.number(1), book.number(2)], [1, 2]);
  assert.deepEqual(said(), [[1, 443, false], [2, 80, false]]);
  assert.deepEqual(said(), []);
  markTls(1);
  assert.deepEqual(book.number(1), 1);
  assert.deepEqual(said(), [[1, 443, true]]);
  assert.deepEqual(said(), []);
});
