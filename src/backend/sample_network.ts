import { create } from "@bufbuild/protobuf";
import {
  type NetworkChunk,
  NetworkChunkSchema,
  NetworkProtocol,
  NetworkRole,
  SampleReason,
  TraceHeader,
} from "../gen/stakeout/v1/network_pb.ts";
import { sampleTaskId } from "./sample_records.ts";

const shop = new Uint8Array([10, 0, 0, 1]);
const bank = new Uint8Array([10, 0, 0, 7]);
const loopback = new Uint8Array([127, 0, 0, 1]);

/** Requests a second of `/buy` over the first edge of a sample. */
export const sampleRequests = 20;

/**
 * Five seconds of a proxy, as its agent tells them: it serves `curl` (edge 1), calls a bank on another host by TLS (edge 2), and asks
 * DNS (edge 3). One in ten of its answers is a 502.
 */
export function sampleNetworkChunk(
  { number, startMs, taskId = sampleTaskId }: { number: number; startMs: number; taskId?: string },
): NetworkChunk {
  const seconds = [0, 1, 2, 3, 4];
  const http = { requests: 20n, errors5xx: 2n, sumNs: 40_000_000n, maxNs: 9_000_000n };
  const histogram = { bucketNumbers: [64, 80], bucketCounts: [18n, 2n] };
  const dns = { requests: 2n, errors4xx: 1n, sumNs: 600_000n, maxNs: 400_000n, bucketNumbers: [60] };
  const names = { ...dns, bucketCounts: [2n] };
  return create(NetworkChunkSchema, {
    ...{ taskId, number, startUnixMs: BigInt(startMs + number * 5000), seconds: 5 },
    processes: [
      { processId: "p-0", pid: 1000, name: "proxy", service: "checkout", covered: true },
      { processId: "p-9", pid: 1009, name: "curl", service: "curl" },
    ],
    edges: [
      {
        ...{ edge: 1, processId: "p-0", protocol: NetworkProtocol.TCP, role: NetworkRole.SERVER },
        ...{ localAddress: loopback, remoteAddress: loopback, serverPort: 8080, peerProcessId: "p-9" },
      },
      {
        ...{ edge: 2, processId: "p-0", protocol: NetworkProtocol.TCP, role: NetworkRole.CLIENT },
        ...{ localAddress: shop, remoteAddress: bank, serverPort: 443, tls: true },
      },
      {
        ...{ edge: 3, processId: "p-0", protocol: NetworkProtocol.UDP, role: NetworkRole.CLIENT },
        ...{ localAddress: shop, remoteAddress: new Uint8Array([10, 0, 0, 53]), serverPort: 53 },
      },
    ],
    paths: [{ pathNumber: 1, edge: 1, path: "/buy" }],
    traffic: seconds.flatMap((second) => [
      {
        ...{ edge: 1, second, receivedBytes: 2_000n, sentBytes: 10_000n, opened: 20, open: 1 },
        ...{ rttSamples: 1, rttSumUs: 30n, rttMinUs: 30, rttMaxUs: 30, http: { ...http, ...histogram } },
      },
      {
        ...{
          edge: 2,
          second,
          receivedBytes: 700n,
          sentBytes: 500n,
          open: 1,
          retransmits: second === 3 ? 1 : 0,
        },
        ...{ rttSamples: 1, rttSumUs: 900n, rttMinUs: 900, rttMaxUs: 900 },
      },
      { edge: 3, second, receivedBytes: 100n, sentBytes: 60n, dns: names },
    ]),
    pathTraffic: seconds.map((second) => ({
      ...{ pathNumber: 1, second },
      http: { requests: BigInt(sampleRequests), errors5xx: 2n, maxNs: 9_000_000n, ...histogram },
    })),
    dns: [{ edge: 3, name: "bank.internal", type: 1, dns: { ...names, requests: 10n, bucketCounts: [10n] } }],
    samples: [SampleReason.SLOW, SampleReason.FAILED, SampleReason.NORMAL].map((reason, index) => ({
      ...{ edge: 1, reason, method: "POST", path: "/buy", status: index === 1 ? 502 : 200, complete: true },
      startedUnixUs: BigInt(startMs + number * 5000 + index * 1000) * 1000n,
      ...{ requestBytes: 100n, responseBytes: 500n, requestNs: 10_000n, responseNs: 50_000n },
      ...{ waitNs: [9_000_000n, 3_000_000n, 1_000_000n][index]!, tid: 1000, threadName: "proxy" },
      ...{
        traceId: index === 0 ? "4bf92f3577b34da6a3ce929d0e0e4736" : "",
        traceHeader: TraceHeader.TRACEPARENT,
      },
    })),
    loss: { tlsConnections: 1n },
    limits: number === 0 ? ["Retransmits of UDP are not known to the kernel"] : [],
  });
}

/** The same seconds of the bank of `sampleNetworkChunk`, as the agent of its host tells them. */
export function sampleFarChunk(
  { number, startMs, taskId }: { number: number; startMs: number; taskId: string },
): NetworkChunk {
  return create(NetworkChunkSchema, {
    ...{ taskId, number, startUnixMs: BigInt(startMs + number * 5000), seconds: 5 },
    processes: [{ processId: "b-1", pid: 77, name: "bankd", service: "bank", covered: true }],
    edges: [{
      ...{ edge: 9, processId: "b-1", protocol: NetworkProtocol.TCP, role: NetworkRole.SERVER },
      ...{ localAddress: bank, remoteAddress: shop, serverPort: 443 },
    }],
    traffic: [0, 1, 2, 3, 4].map((second) => ({
      ...{ edge: 9, second, receivedBytes: 500n, sentBytes: 700n, open: 1 },
      ...{ rttSamples: 1, rttSumUs: 800n, rttMinUs: 800, rttMaxUs: 800 },
    })),
  });
}
