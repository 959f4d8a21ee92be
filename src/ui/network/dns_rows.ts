import type { NetworkProfile } from "../../gen/stakeout/v1/network_pb.ts";
import { addRequests, noRequests, type RequestSum } from "./traffic_sum.ts";

/** A name of one type that was asked for, over all edges of a profile. */
export interface DnsRow {
  /** `""` is the rest, of which names are not known. */
  readonly name: string;
  readonly type: string;
  readonly sum: RequestSum;
  timeouts: number;
}

/** Most asked first. */
export function listNames({ dns }: NetworkProfile): DnsRow[] {
  const rows = new Map<string, DnsRow>();
  for (const { name, type, dns: requests, timeouts } of dns) {
    const key = `${type} ${name}`;
    const row = rows.get(key) ?? { name, type: typeName(type), sum: noRequests(), timeouts: 0 };
    rows.set(key, row);
    addRequests(row.sum, requests);
    row.timeouts += timeouts;
  }
  return [...rows.values()].sort((one, two) =>
    (two.sum.requests + two.timeouts) - (one.sum.requests + one.timeouts) || (one.name < two.name ? -1 : 1)
  );
}

/** Names of the types that programs ask for; others by number. */
const typeNames: Readonly<Record<number, string>> = {
  1: "A",
  2: "NS",
  5: "CNAME",
  6: "SOA",
  12: "PTR",
  15: "MX",
  16: "TXT",
  28: "AAAA",
  33: "SRV",
  64: "SVCB",
  65: "HTTPS",
  255: "ANY",
};

function typeName(type: number): string {
  return type === 0 ? "" : typeNames[type] ?? `TYPE${type}`;
}
