import type { ConnectRouter, ServiceImpl } from "@connectrpc/connect";
import type { DescService } from "@bufbuild/protobuf";
import { ContinuousProfilingService } from "../../gen/skywalking/v3/continuous_profiling_pb.ts";
import { EBPFAccessLogService } from "../../gen/skywalking/v3/ebpf_access_log_pb.ts";
import { EBPFProcessService } from "../../gen/skywalking/v3/ebpf_process_pb.ts";
import { EBPFProfilingService } from "../../gen/skywalking/v3/ebpf_profiling_pb.ts";
import { EventService } from "../../gen/skywalking/v3/event_pb.ts";
import { LogReportService } from "../../gen/skywalking/v3/logging_pb.ts";
import { ManagementService } from "../../gen/skywalking/v3/management_pb.ts";
import { MeterReportService } from "../../gen/skywalking/v3/meter_pb.ts";
import { SpanAttachedEventReportService } from "../../gen/skywalking/v3/span_attached_event_pb.ts";
import { TraceSegmentReportService } from "../../gen/skywalking/v3/tracing_pb.ts";
import { TaskState } from "../../gen/stakeout/v1/task_pb.ts";
import type { PolicyBook } from "../policy_book.ts";
import type { ReportSink } from "../report_sink.ts";
import type { Store } from "../store/store.ts";
import { noCommands } from "./call_context.ts";
import { createContinuousService } from "./continuous_service.ts";
import { createLogService } from "./log_service.ts";
import { createMeterService } from "./meter_service.ts";
import { createProcessService, inventory } from "./process_service.ts";
import { createProfilingService } from "./profiling_service.ts";
import type { RoverAgent } from "./rover_agent.ts";
import { RoverCommands, type RoverCommandsOptions } from "./rover_commands.ts";
import { RoverDirectory } from "./rover_directory.ts";
import type { RoverShared } from "./rover_shared.ts";
import { TaskAdmission } from "./task_admission.ts";

/** SkyWalking's messages hold more than ours: both ways, after decompression. */
const messageMaxBytes = 32 * 1024 * 1024;
const limits = { readMaxBytes: messageMaxBytes, writeMaxBytes: messageMaxBytes };
const sweepMs = 1_000;
/** Without any call an agent is away; five minutes later an OAP would have forgotten its processes as well. */
const awayMs = 60_000;
const forgottenMs = 300_000;
const endedTasksMs = 60_000;

/** The side of an OAP that SkyWalking's agents talk to. `close` ends it. */
export class RoverWire {
  readonly #shared: RoverShared;
  readonly #timer: ReturnType<typeof setInterval>;

  private constructor(shared: RoverShared) {
    this.#shared = shared;
    this.#timer = setInterval(() => this.#sweep(), sweepMs);
  }

  /** Takes up what an earlier run of this backend knew. */
  static async start(
    options: RoverCommandsOptions & {
      readonly store: Store;
      readonly book: PolicyBook;
      readonly sink: ReportSink;
    },
  ): Promise<RoverWire> {
    const { store, clock, logger } = options;
    const directory = new RoverDirectory(options);
    await directory.load(store);
    for (const agent of directory.agents.values()) agent.express();
    const commands = new RoverCommands(options);
    return new RoverWire({ directory, commands, admission: new TaskAdmission(clock), store, clock, logger });
  }

  addRoutes(router: ConnectRouter): void {
    function add<T extends DescService>(service: T, implementation: ServiceImpl<T>): void {
      router.service(service, implementation, limits);
    }
    add(EBPFProcessService, createProcessService(this.#shared));
    add(ContinuousProfilingService, createContinuousService(this.#shared));
    add(EBPFProfilingService, createProfilingService(this.#shared));
    add(MeterReportService, createMeterService(this.#shared));
    // What agents call besides is taken and answered, so that they do not fail for it, but nothing of it is kept.
    add(ManagementService, { reportInstanceProperties: () => noCommands, keepAlive: () => noCommands });
    add(LogReportService, createLogService(this.#shared));
    add(SpanAttachedEventReportService, { collect: (stream) => drain(stream, noCommands) });
    add(EventService, { collect: (stream) => drain(stream, noCommands) });
    add(TraceSegmentReportService, {
      collect: (stream) => drain(stream, noCommands),
      collectInSync: () => noCommands,
    });
    add(EBPFAccessLogService, { collect: (stream) => drain(stream, {}) });
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #sweep(): void {
    const { directory, commands, clock, logger } = this.#shared;
    const nowMs = clock.nowUnixMs();
    for (const agent of directory.agents.values()) {
      const silentMs = nowMs - agent.seenAtMs;
      if (silentMs > awayMs) commands.leave(agent);
      const ended = endTasks(agent, nowMs);
      const gone = silentMs > forgottenMs ? [...agent.processes.keys()] : [];
      for (const id of gone) agent.removeProcess(id);
      if (ended.length === 0 && gone.length === 0) continue;
      if (gone.length > 0) agent.express();
      const bodies = [
        ...ended,
        ...(gone.length === 0 ? [] : [inventory([], gone, nowMs)]),
        agent.statusBody(),
      ];
      agent.report(bodies).catch((error) => {
        logger.error("Cannot store what concerns an agent of SkyWalking", {
          agent: agent.info.agentId,
          reason: error,
        });
      });
    }
  }
}

/** Records of the tasks whose time is over. */
function endTasks(agent: RoverAgent, nowMs: number) {
  const ended = [...agent.tasks.values()].filter((task) =>
    task.endInTime(nowMs, task.task.processIds.some((id) => agent.processes.has(id)))
  );
  for (const [id, { task, usedAtMs }] of agent.tasks) {
    const restsMs = nowMs - Math.max(Number(task.endedAtUnixMs), usedAtMs);
    if (task.state !== TaskState.RUNNING && restsMs > endedTasksMs) agent.tasks.delete(id);
  }
  return ended.flatMap((task) => task.endBodies());
}

async function drain<T>(stream: AsyncIterable<unknown>, answer: T): Promise<T> {
  for await (const _message of stream);
  return answer;
}
