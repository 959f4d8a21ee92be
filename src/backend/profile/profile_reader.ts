import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Profile, ProfileSchema } from "../../gen/stakeout/v1/profile_pb.ts";
import type { ProfileKind, Task } from "../../gen/stakeout/v1/task_pb.ts";
import { messageMaxBytes } from "../rpc_options.ts";
import type { MergeJobs } from "./merge_jobs.ts";
import type { MergeSource, StackFormat } from "./profile_protocol.ts";

const messageLimit = messageMaxBytes - 1024;

/** A profile's kind and range of seconds. */
export interface ProfilePart {
  readonly kind: ProfileKind;
  readonly fromSecond: number;
  readonly toSecond: number;
}

/** Reads profiles of stacks out of the store. */
export class ProfileReader {
  readonly #jobs: MergeJobs;

  constructor(jobs: MergeJobs) {
    this.#jobs = jobs;
  }

  /** The merged profile as a message. */
  async readProfile(task: Task, part: ProfilePart): Promise<Profile> {
    const bytes = await this.#jobs.run(toSource(task, part), { format: "message" });
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
    { format, runtimeFrames }: { format: StackFormat; runtimeFrames: boolean },
  ): Promise<Uint8Array<ArrayBuffer>> {
    const name = `${task.policy} ${task.services[0] ?? ""}`.trim();
    const { frequencyHz } = task;
    return await this.#jobs.run(toSource(task, part), { format, name, frequencyHz, runtimeFrames });
  }
}

function toSource(task: Task, part: ProfilePart): MergeSource {
  return {
    content: "stacks",
    range: { taskId: task.id, taskStartMs: Number(task.startedAtUnixMs), ...part },
  };
}
