import type { Logger } from "../../lib/log.ts";
import type { KernelClock } from "../../lib/sys/kernel_clock.ts";
import type { BackendLink } from "../agent/backend_link.ts";
import { Reporter } from "../agent/report.ts";
import type { RecordBody } from "../agent/report_wire.ts";
import { silenceStateSchema } from "../agent/silence.ts";
import { Spool } from "../agent/spool.ts";
import { AgentState } from "../agent/state.ts";
import { TaskJournal } from "../agent/task_journal.ts";
import type { Trigger } from "../agent/trigger.ts";
import type { ProfileChunk } from "../gen/stakeout/v1/profile_pb.ts";
import { type Task, TaskState } from "../gen/stakeout/v1/task_pb.ts";
import type { Config } from "../model/config.ts";
import { buildAgent, type BuiltAgent } from "./build_agent.ts";
import { CommandError } from "./command_error.ts";
import { hostProblems } from "./host_problems.ts";
import { type BackendChoice, openLink, queueName } from "./open_link.ts";
import { openStateFolder } from "./state_folder.ts";

/** An agent that reports to a backend. */
export interface ReportingAgentOptions extends BackendChoice {
  readonly config: Config;
  readonly logger: Logger;
  /** These and what they start are Stakeout itself. */
  readonly ownPids: readonly number[];
  /** Ends the agent. */
  readonly signal: AbortSignal;
  /** Called once it watches. */
  readonly onReady?: (agent: BuiltAgent) => void;
}

/**
 * Runs an agent with its state and queue in `<state folder>/agent` until the signal aborts: it goes on with the last
 * policies while the backend is away. @throws {CommandError} when it cannot start.
 */
export async function runReportingAgent(options: ReportingAgentOptions): Promise<void> {
  const { config, logger, signal, ownPids } = options;
  const state = await openState(config, logger);
  const spool = await Spool.open(state.queueFolder(queueName(options)), {
    capBytes: config.spoolBytes,
    logger,
  });
  let link: BackendLink | undefined;
  let built: BuiltAgent | undefined;
  try {
    link = await openLink(options, { config, state, logger });
    const reporter = new Reporter({ wire: link.wire, spool, logger });
    const journal = new TaskJournal(state);
    const problems = hostProblems();
    built = await buildAgent({
      ...{ config, logger, ownPids, agentId: state.agentId },
      metricsEverySeconds: link.metricsEverySeconds,
      emit: (body) => emit(body, reporter, journal),
      queue: () => queueStatus(spool),
      problems: () => problems,
      onStarts: (trigger, clock) => void state.save("silence", exportSilence(trigger, clock)),
    });
    await restoreSilence(built, state);
    await link.restore(built);
    await journal.reportAbandoned((task) => reporter.report({ case: "task", value: task }));
    // Reports go on until the tasks that end with the agent are queued; then what is left is sent for two seconds.
    const reports = new AbortController();
    const reporting = reporter.run(reports.signal);
    const following = link.follow(built, signal);
    options.onReady?.(built);
    await built.agent.run(signal);
    reports.abort();
    await Promise.all([reporting, following]);
  } finally {
    await built?.close();
    link?.close();
    await spool.close();
    await state.close();
  }
}

async function restoreSilence({ clock, trigger }: BuiltAgent, state: AgentState): Promise<void> {
  const silence = await state.load("silence", silenceStateSchema);
  if (silence !== undefined) trigger.restore(silence, clock.bootNs() / 1e9, clock.unixMs(0));
}

async function emit(body: RecordBody, reporter: Reporter, journal: TaskJournal): Promise<void> {
  // A start is noted before it is queued and an end after: killed in between, the task is told again, never lost.
  const isEnd = body.case === "task" && body.value.state !== TaskState.RUNNING;
  if (body.case === "task" && !isEnd) await journal.update(body.value as Task);
  await reporter.report(body);
  if (isEnd) await journal.update(body.value as Task);
  if (body.case === "profile") await journal.addChunk(body.value as ProfileChunk);
}

function queueStatus(spool: Spool) {
  const { metrics, refusals, profiles, tasks } = spool.drops;
  return {
    droppedMetrics: BigInt(metrics),
    droppedRefusals: BigInt(refusals),
    droppedProfiles: BigInt(profiles),
    droppedTasks: BigInt(tasks),
    queueBytes: BigInt(spool.bytes),
  };
}

function exportSilence(trigger: Trigger, clock: KernelClock) {
  return trigger.exportState(clock.bootNs() / 1e9, clock.unixMs(0));
}

async function openState(config: Config, logger: Logger): Promise<AgentState> {
  const folder = await openStateFolder(config, logger);
  try {
    return await AgentState.open(folder === undefined ? undefined : `${folder}/agent`, logger);
  } catch (error) {
    throw new CommandError((error as Error).message, { exitCode: 1, cause: error });
  }
}
