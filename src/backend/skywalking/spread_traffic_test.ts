import { create } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { NetworkTrafficSchema } from "../../gen/stakeout/v1/network_pb.ts";
import { addTraffic } from "../network/sum_traffic.ts";
import { spreadTraffic } from "./spread_traffic.ts";

function makeRow() {
  return create(NetworkTrafficSchema, {
    ...{ edge: 3, receivedBytes: 1001n, sentBytes: 7n, receivedMessages: 3n, sentMessages: 1n },
    ...{ connects: 3, opened: 3, connectSumNs: 3001n, connectMaxNs: 1000n, closedByLocal: 2, retransmits: 1 },
    ...{ rttSamples: 5, rttSumUs: 500n, rttMinUs: 100, rttMaxUs: 100 },
    http: {
      ...{ requests: 5n, errors4xx: 1n, errors5xx: 1n, sumNs: 50n, maxNs: 20n },
      ...{ bucketNumbers: [3, 9], bucketCounts: [4n, 1n] },
    },
  });
}

Deno.test("spreadTraffic() halves what can be halved, and means stay", () => {
  const [first, second] = spreadTraffic(makeRow(), [0, 1]);
  assert.deepEqual([first?.second, first?.receivedBytes, first?.connects, first?.connectSumNs], [
    ...[0, 500n, 1, 1000n],
  ]);
  assert.deepEqual([second?.second, second?.receivedBytes, second?.connects, second?.connectSumNs], [
    ...[1, 501n, 2, 2001n],
  ]);
  assert.deepEqual([first?.rttSamples, first?.rttSumUs, second?.rttSamples, second?.rttSumUs], [
    ...[2, 200n, 3, 300n],
  ]);
  // 3 without an error, and one of each sort: 1 + 0 + 0, then 2 + 1 + 1.
  const requests = [first, second].map((
    row,
  ) => [row?.http?.requests, row?.http?.errors4xx, row?.http?.sumNs]);
  assert.deepEqual(requests, [[1n, 0n, 10n], [4n, 1n, 40n]]);
  assert.deepEqual([first?.http?.bucketNumbers, second?.http?.bucketNumbers], [[3], [3, 9]]);
});

Deno.test("spreadTraffic() loses nothing, whatever the seconds", () => {
  for (const seconds of [[0], [4, 5, 6], [0, 1, 2, 3, 4]]) {
    const sum = create(NetworkTrafficSchema, { edge: 3 });
    for (const row of spreadTraffic(makeRow(), seconds)) {
      assert.ok(row.http === undefined || row.http.errors4xx + row.http.errors5xx <= row.http.requests);
      addTraffic(sum, row);
    }
    assert.deepEqual(sum, makeRow());
  }
});

Deno.test("spreadTraffic() leaves out seconds on which nothing falls", () => {
  const row = create(NetworkTrafficSchema, { edge: 3, retransmits: 1 });
  assert.deepEqual(spreadTraffic(row, [7, 8, 9]).map(({ second, retransmits }) => [second, retransmits]), [
    [9, 1],
  ]);
});
