import { create } from "@bufbuild/protobuf";
import { type NetworkLoss, NetworkLossSchema } from "../../gen/stakeout/v1/network_pb.ts";

/** In the order of enum network_loss in bpf/network.h. */
const names = [
  "merged",
  "untrackedMessages",
  "mergedPaths",
  "lostSamples",
  "lostNames",
  "unreadable",
  "pipelined",
  "lostChildren",
  "tlsConnections",
  "http2Connections",
  "ioUringConnections",
  "otherCallConnections",
] as const satisfies readonly (keyof NetworkLoss)[];

/** Says what could not be told since the last time. */
export class LossCursor {
  readonly #losses: BigUint64Array<ArrayBuffer>;
  readonly #before: BigUint64Array<ArrayBuffer>;

  /** @param losses Live counts, by enum network_loss. */
  constructor(losses: BigUint64Array<ArrayBuffer>) {
    this.#losses = losses;
    this.#before = new BigUint64Array(losses.length);
  }

  /** Messages of sockets that are counted nowhere, since the start. */
  get untrackedMessages(): number {
    return Number(this.#losses[names.indexOf("untrackedMessages")]);
  }

  take(): NetworkLoss {
    const loss = create(NetworkLossSchema);
    for (const [index, name] of names.entries()) {
      const count = this.#losses[index]!;
      loss[name] = count - this.#before[index]!;
      this.#before[index] = count;
    }
    return loss;
  }
}
