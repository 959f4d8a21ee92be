import { ProfileKind } from "../../gen/stakeout/v1/task_pb.ts";
import type { AgentState, StateSchema } from "../state.ts";

/** One kind of profile of one process: a task of its own to an OAP. */
export interface TaskKey {
  /** Ours. */
  readonly taskId: string;
  readonly kind: ProfileKind;
  /** Ours. */
  readonly processId: string;
}

/** The OAP's names of a task and its process; `""` for both when it did not take the task. */
export interface OapTask {
  readonly taskId: string;
  readonly processId: string;
}

const fileName = "skywalking_tasks";
/** More than run and wait in any queue; the oldest are forgotten. */
const mostKept = 1_000;

/** Knows the ids that an OAP gave tasks, across restarts: what was taken may wait in the queue when the agent ends. */
export class TaskIds {
  readonly #state: AgentState;
  readonly #ids = new Map<string, OapTask>();

  constructor(state: AgentState) {
    this.#state = state;
  }

  /** Undefined for a task that the OAP has not been told. */
  get(key: TaskKey): OapTask | undefined {
    return this.#ids.get(textOf(key));
  }

  /** Resolves when the disk has it, or cannot take it. */
  async set(key: TaskKey, task: OapTask): Promise<void> {
    this.#ids.set(textOf(key), task);
    for (const oldest of this.#ids.keys()) {
      if (this.#ids.size <= mostKept) break;
      this.#ids.delete(oldest);
    }
    await this.#state.save(fileName, [...this.#ids]);
  }

  /** Takes in what an earlier agent kept. */
  async restore(): Promise<void> {
    for (const [key, task] of await this.#state.load(fileName, schema) ?? []) this.#ids.set(key, task);
  }
}

function textOf({ taskId, kind, processId }: TaskKey): string {
  return `${taskId} ${ProfileKind[kind]} ${processId}`;
}

const schema: StateSchema<[string, OapTask][]> = {
  safeParse(value) {
    const isList = Array.isArray(value) &&
      value.every((entry) =>
        Array.isArray(entry) && typeof entry[0] === "string" && typeof entry[1]?.taskId === "string" &&
        typeof entry[1].processId === "string"
      );
    return isList ? { success: true, data: value } : { success: false, error: { message: "no list of ids" } };
  },
};
