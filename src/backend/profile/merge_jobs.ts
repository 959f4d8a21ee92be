import { Code, ConnectError } from "@connectrpc/connect";
import { ProfileKind } from "../../gen/stakeout/v1/task_pb.ts";
import { startWorker } from "../start_worker.ts";
import type { Store } from "../store/store.ts";
import type {
  MergeSource,
  ProfileOutput,
  ProfileRequest,
  ProfileResponse,
  ProfileStep,
} from "./profile_protocol.ts";

const jobsAtOnce = 4;

/** Reads profiles' chunks out of the store and has them merged by a worker, so that nothing else waits for it. */
export class MergeJobs {
  readonly #store: Store;
  readonly #waiting = new Map<number, { resolve(step: ProfileStep): void; reject(error: Error): void }>();
  #worker: Worker | undefined;
  #jobs = 0;
  #nextJob = 1;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Merges one profile. @throws {ConnectError} When too many are merged at once. */
  async run(source: MergeSource, output: ProfileOutput): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#jobs >= jobsAtOnce) {
      throw new ConnectError(
        "Too many profiles are being read; try again in a moment",
        Code.ResourceExhausted,
      );
    }
    const job = this.#nextJob++;
    this.#jobs++;
    try {
      const { nextNumber = 0 } = await this.#send({ job, step: "begin", source });
      const kind = source.content === "network" ? ProfileKind.NETWORK : source.range.kind;
      for (let from = nextNumber;;) {
        const chunks = await this.#store.readChunks(source.range.taskId, kind, from);
        const last = chunks.at(-1);
        if (last === undefined) break;
        await this.#send({ job, step: "add", chunks: chunks.map(({ data }) => data) });
        from = last.number + 1;
      }
      const { bytes } = await this.#send({ job, step: "finish", output });
      return bytes ?? new Uint8Array();
    } catch (error) {
      this.#worker?.postMessage({ job, step: "cancel" } satisfies ProfileRequest);
      throw error;
    } finally {
      this.#jobs--;
    }
  }

  /** Ends the worker; what is under way fails. */
  close(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    for (const { reject } of this.#waiting.values()) reject(new Error("Server ends: try again"));
    this.#waiting.clear();
  }

  #send(request: ProfileRequest): Promise<ProfileStep> {
    const { promise, resolve, reject } = Promise.withResolvers<ProfileStep>();
    this.#waiting.set(request.job, { resolve, reject });
    this.#start().postMessage(request);
    return promise;
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = startWorker("profiles");
    worker.onmessage = ({ data }: MessageEvent<ProfileResponse>) => {
      const waiting = this.#waiting.get(data.job);
      this.#waiting.delete(data.job);
      if ("error" in data) waiting?.reject(new Error(data.error));
      else waiting?.resolve(data);
    };
    // A worker that broke is replaced at the next request.
    worker.onerror = (event) => {
      event.preventDefault();
      this.close();
    };
    this.#worker = worker;
    return worker;
  }
}
