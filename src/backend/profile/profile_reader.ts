import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Profile, ProfileSchema } from "../../gen/stakeout/v1/profile_pb.ts";
import type { ProfileKind, Task } from "../../gen/stakeout/v1/task_pb.ts";
import { startWorker } from "../start_worker.ts";
import type { Store } from "../store/store.ts";
import type { ExportFormat, ProfileOutput, ProfileRequest, ProfileResponse } from "./profile_protocol.ts";

const jobsAtOnce = 4;
const messageLimit = 4 * 1024 * 1024 - 1024;

/** A profile's kind and range of seconds. */
export interface ProfilePart {
  readonly kind: ProfileKind;
  readonly fromSecond: number;
  readonly toSecond: number;
}

/** Reads profiles out of the store, merged by a worker so that nothing else waits for it. */
export class ProfileReader {
  readonly #store: Store;
  readonly #waiting = new Map<number, { resolve(bytes?: Uint8Array): void; reject(error: Error): void }>();
  #worker: Worker | undefined;
  #jobs = 0;
  #nextJob = 1;

  constructor(store: Store) {
    this.#store = store;
  }

  /** The merged profile as a message. */
  async readProfile(task: Task, part: ProfilePart): Promise<Profile> {
    const bytes = await this.#run(task, part, { format: "message" });
    if (bytes.length > messageLimit) {
      throw new ConnectError(
        "Profile is over 4 MiB; choose a shorter range, or export it as a file",
        Code.ResourceExhausted,
      );
    }
    return fromBinary(ProfileSchema, bytes);
  }

  /** The merged profile as a file, with or without the frames of languages' runtimes. */
  async exportProfile(
    task: Task,
    part: ProfilePart,
    { format, runtimeFrames }: { format: ExportFormat; runtimeFrames: boolean },
  ): Promise<Uint8Array<ArrayBuffer>> {
    const name = `${task.policy} ${task.services[0] ?? ""}`.trim();
    return await this.#run(task, part, { format, name, frequencyHz: task.frequencyHz, runtimeFrames });
  }

  /** Ends the worker; what is under way fails. */
  close(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    for (const { reject } of this.#waiting.values()) reject(new Error("Server ends: try again"));
    this.#waiting.clear();
  }

  async #run(task: Task, part: ProfilePart, output: ProfileOutput): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#jobs >= jobsAtOnce) {
      throw new ConnectError(
        "Too many profiles are being read; try again in a moment",
        Code.ResourceExhausted,
      );
    }
    const job = this.#nextJob++;
    this.#jobs++;
    try {
      const range = { taskId: task.id, taskStartMs: Number(task.startedAtUnixMs), ...part };
      await this.#send({ job, step: "begin", range });
      for (let from = 0;;) {
        const chunks = await this.#store.readChunks(task.id, part.kind, from);
        const last = chunks.at(-1);
        if (last === undefined) break;
        await this.#send({ job, step: "add", chunks: chunks.map(({ data }) => data) });
        from = last.number + 1;
      }
      return await this.#send({ job, step: "finish", output }) ?? new Uint8Array();
    } catch (error) {
      this.#worker?.postMessage({ job, step: "cancel" } satisfies ProfileRequest);
      throw error;
    } finally {
      this.#jobs--;
    }
  }

  #send(request: ProfileRequest): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array<ArrayBuffer> | undefined>();
    this.#waiting.set(request.job, { resolve: resolve as (bytes?: Uint8Array) => void, reject });
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
      else waiting?.resolve(data.bytes);
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
