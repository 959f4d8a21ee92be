import { create, fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import type { ProfileChunk } from "../gen/stakeout/v1/profile_pb.ts";
import {
  type LossCounts,
  LossCountsSchema,
  type Task,
  TaskSchema,
  TaskState,
} from "../gen/stakeout/v1/task_pb.ts";
import type { AgentState, StateSchema } from "./state.ts";

const fileName = "running_tasks";

/** Remembers which tasks run, so that an agent that was killed can say at its next start how they ended. */
export class TaskJournal {
  readonly #state: AgentState;
  readonly #running = new Map<string, Task>();

  constructor(state: AgentState) {
    this.#state = state;
  }

  /** Follows a task: kept while it runs. Resolves when the disk has it, or cannot take it. */
  async update(task: Task): Promise<void> {
    if (task.state === TaskState.RUNNING) this.#running.set(task.id, task);
    else this.#running.delete(task.id);
    await this.#save();
  }

  /** Adds a chunk that is queued to what its task has taken, and to how far it has come. */
  async addChunk({ taskId, startUnixMs, seconds, loss }: ProfileChunk): Promise<void> {
    const task = this.#running.get(taskId);
    if (task === undefined) return;
    const endedAtUnixMs = startUnixMs + BigInt(seconds * 1000);
    this.#running.set(taskId, { ...task, loss: addCounts(task.loss, loss), endedAtUnixMs });
    await this.#save();
  }

  async #save(): Promise<void> {
    await this.#state.save(fileName, [...this.#running.values()].map((one) => toJson(TaskSchema, one)));
  }

  /**
   * Hands over the tasks that the agent before this one left running, as ended with their last chunk, or at once
   * without one. They are forgotten when all were taken: killed in between, the next agent hands them over again.
   */
  async reportAbandoned(report: (task: Task) => Promise<unknown>): Promise<void> {
    for (const task of await this.#state.load(fileName, tasksSchema) ?? []) {
      await report(create(TaskSchema, {
        ...task,
        state: TaskState.AGENT_STOPPED,
        message: "The agent ended while the task ran; what was taken until then is the profile",
        endedAtUnixMs: task.endedAtUnixMs || task.startedAtUnixMs,
      }));
    }
    await this.#save();
  }
}

function addCounts(one: LossCounts | undefined, other: LossCounts | undefined): LossCounts {
  const sum = create(LossCountsSchema);
  for (const field of ["taken", "stored", "lostKernel", "lostAgent", "truncated"] as const) {
    sum[field] = (one?.[field] ?? 0n) + (other?.[field] ?? 0n);
  }
  return sum;
}

const tasksSchema: StateSchema<Task[]> = {
  safeParse(value) {
    try {
      if (!Array.isArray(value)) throw new TypeError("The file holds no list");
      return { success: true, data: value.map((task) => fromJson(TaskSchema, task as JsonValue)) };
    } catch (error) {
      return { success: false, error: { message: (error as Error).message } };
    }
  },
};
