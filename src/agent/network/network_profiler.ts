import type { NetworkChunk } from "../../gen/stakeout/v1/network_pb.ts";
import { noLoss } from "../../model/profile.ts";
import type { Task } from "../../model/task.ts";
import type { ChunkSink, ProfileOutcome, Profiler, RunControl } from "../profile/profiler.ts";
import { type NetworkOptions, NetworkRun } from "./network_run.ts";
import type { NetworkSession } from "./network_session.ts";

/** Records whom the processes of a task's service instances talk to, how fast, and which requests were slow or failed. */
export class NetworkProfiler implements Profiler<NetworkChunk> {
  readonly #options: NetworkOptions;

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  async run(task: Task, sink: ChunkSink<NetworkChunk>, control: RunControl): Promise<ProfileOutcome> {
    let session: NetworkSession;
    try {
      session = await this.#options.openSession();
    } catch (error) {
      return {
        ...{ state: "failed", message: (error as Error).message, loss: noLoss },
        endedAtBootNs: this.#options.clock.bootNs(),
      };
    }
    try {
      return await new NetworkRun(task, session, sink, this.#options).untilEnd(control);
    } finally {
      await session.close();
    }
  }
}
