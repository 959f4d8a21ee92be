import { create } from "@bufbuild/protobuf";
import { type NetworkTraffic, NetworkTrafficSchema } from "../../gen/stakeout/v1/network_pb.ts";
import { HttpInterval } from "../http/http_interval.ts";
import { toRequests } from "./requests_message.ts";

/** What passed over one edge in one second; the fields are those of NetworkTraffic. */
export class EdgeCounts {
  receivedBytes = 0;
  sentBytes = 0;
  receivedMessages = 0;
  sentMessages = 0;
  opened = 0;
  closedByLocal = 0;
  closedByRemote = 0;
  closedByReset = 0;
  closedByTimeout = 0;
  open = 0;
  connects = 0;
  connectsRefused = 0;
  connectsTimedOut = 0;
  connectsFailed = 0;
  connectSumNs = 0;
  connectMaxNs = 0;
  resetsSent = 0;
  resetsReceived = 0;
  retransmits = 0;
  rttSamples = 0;
  rttSumUs = 0;
  rttMinUs = 0;
  rttMaxUs = 0;
  dnsTimeouts = 0;
  http: HttpInterval | undefined;
  dns: HttpInterval | undefined;

  get messages(): number {
    return this.receivedMessages + this.sentMessages;
  }

  get bytes(): number {
    return this.receivedBytes + this.sentBytes;
  }

  toMessage(edge: number, second: number): NetworkTraffic {
    const { http, dns, ...counts } = this;
    return create(NetworkTrafficSchema, {
      ...counts,
      edge,
      second,
      receivedBytes: BigInt(this.receivedBytes),
      sentBytes: BigInt(this.sentBytes),
      receivedMessages: BigInt(this.receivedMessages),
      sentMessages: BigInt(this.sentMessages),
      connectSumNs: BigInt(this.connectSumNs),
      connectMaxNs: BigInt(this.connectMaxNs),
      rttSumUs: BigInt(this.rttSumUs),
      ...(http === undefined ? {} : { http: toRequests(http) }),
      ...(dns === undefined ? {} : { dns: toRequests(dns) }),
    });
  }
}

/** Adds requests to a sum that may not have begun; returns the sum. */
export function addInterval(sum: HttpInterval | undefined, more: HttpInterval): HttpInterval {
  const into = sum ?? new HttpInterval();
  into.addAll(more);
  return into;
}
