import { create } from "@bufbuild/protobuf";
import { readQuestion } from "../../../lib/dns/question.ts";
import { type NetworkDns, NetworkDnsSchema } from "../../gen/stakeout/v1/network_pb.ts";
import { HttpInterval } from "../http/http_interval.ts";
import { toRequests } from "./requests_message.ts";

const maxNames = 256;
const nxDomain = 3;

interface NameCounts {
  readonly edge: number;
  readonly name: string;
  readonly type: number;
  readonly answers: HttpInterval;
  timeouts: number;
}

/** Counts answers of DNS by edge, name and type. Limits: 256 of them a chunk, then those of an edge together as `""`. */
export class DnsNames {
  readonly #names = new Map<string, NameCounts>();

  /** Counts an answer by the question it answers. */
  addAnswer(edge: number, question: Uint8Array, latencyNs: number, code: number): void {
    const status = code === 0 ? 200 : code === nxDomain ? 404 : 500;
    this.#find(edge, question).answers.add(latencyNs, status, 1);
  }

  /** Counts a question that was not answered. */
  addTimeout(edge: number, question: Uint8Array): void {
    this.#find(edge, question).timeouts++;
  }

  /** Returns what was counted since the last call. */
  take(): NetworkDns[] {
    const all = [...this.#names.values()].map(({ edge, name, type, answers, timeouts }) =>
      create(NetworkDnsSchema, { edge, name, type, dns: toRequests(answers), timeouts })
    );
    this.#names.clear();
    return all;
  }

  #find(edge: number, question: Uint8Array): NameCounts {
    const { name, type } = readQuestion(question) ?? { name: "", type: 0 };
    const known = this.#names.get(`${edge} ${type} ${name}`);
    if (known !== undefined) return known;
    const isFull = this.#names.size >= maxNames;
    const key = isFull ? `${edge} 0 ` : `${edge} ${type} ${name}`;
    let counts = this.#names.get(key);
    if (counts === undefined) {
      const kept = isFull ? { name: "", type: 0 } : { name, type };
      counts = { edge, ...kept, answers: new HttpInterval(), timeouts: 0 };
      this.#names.set(key, counts);
    }
    return counts;
  }
}
