import { type Client, createClient } from "@connectrpc/connect";
import type { Logger } from "../../../lib/log.ts";
import { ContinuousProfilingService } from "../../gen/skywalking/v3/continuous_profiling_pb.ts";
import type { SkyWalkingTask } from "../../gen/stakeout/v1/skywalking_queue_pb.ts";
import { sleep } from "../backoff.ts";
import { argumentOf, commandsNamed } from "./command.ts";
import type { ProcessRegistry } from "./process_registry.ts";
import type { TaskIds } from "./task_ids.ts";
import type { OapTransport } from "./transport.ts";

const deadlineMs = 10_000;
/** An OAP makes the id of a task of the millisecond in which it hears of it, and two of a service in one are one to it. */
const apartMs = 2;

/** Tells an OAP which tasks have started, and keeps the ids that it gives them. */
export class TaskSender {
  readonly #client: Client<typeof ContinuousProfilingService>;
  readonly #registry: ProcessRegistry;
  readonly #ids: TaskIds;
  readonly #logger: Logger;

  constructor(oap: OapTransport, parts: { registry: ProcessRegistry; ids: TaskIds; logger: Logger }) {
    this.#client = createClient(ContinuousProfilingService, oap.transport);
    this.#registry = parts.registry;
    this.#ids = parts.ids;
    this.#logger = parts.logger;
  }

  /**
   * Resolves when the OAP has given the task an id, or an answer that holds none: it is not asked again then, as each
   * question makes a task there, and what the task takes is left out.
   * @throws {ConnectError} when it is to be told again
   */
  async send({ key, process, report }: SkyWalkingTask, signal: AbortSignal): Promise<void> {
    const entity = process?.metadata.value?.entity;
    if (key === undefined || process === undefined || entity === undefined || report === undefined) return;
    if (this.#ids.get(key) !== undefined) return;
    if (this.#registry.idOf(entity) === undefined) await this.#registry.report([process], signal);
    const processId = this.#registry.idOf(entity);
    if (processId === undefined) {
      this.#logger.warn("The OAP gives a process no id, so it gets nothing of its task", {
        task: key.taskId,
      });
      return await this.#ids.set(key, { taskId: "", processId: "" });
    }
    await sleep(apartMs, signal);
    const answer = await this.#client.reportProfilingTask(report, { signal, timeoutMs: deadlineMs });
    const commands = commandsNamed(answer, "ContinuousProfilingReportTask", this.#logger);
    const taskId = commands.length === 1 ? argumentOf(commands[0]!, "TaskId") : "";
    if (taskId === "") {
      this.#logger.warn("The OAP gives a task no id, so it gets nothing of it", {
        task: key.taskId,
        commands: answer.commands.length,
      });
    } else this.#logger.info("The OAP knows a task", { task: key.taskId, oapTask: taskId });
    await this.#ids.set(key, { taskId, processId: taskId === "" ? "" : processId });
  }
}
