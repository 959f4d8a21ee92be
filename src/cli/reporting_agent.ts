import * as z from "zod";
import type { Logger } from "../../lib/log.ts";
import type { KernelClock } from "../../lib/sys/kernel_clock.ts";
import { describeAgent } from "../agent/host.ts";
import { PolicySync, type PolicyText } from "../agent/policy_sync.ts";
import { type RecordBody, Reporter } from "../agent/report.ts";
import { silenceStateSchema } from "../agent/silence.ts";
import { Spool } from "../agent/spool.ts";
import { AgentState } from "../agent/state.ts";
import { TaskJournal } from "../agent/task_journal.ts";
import { type AgentTransport, createAgentTransport } from "../agent/transport.ts";
import type { Trigger } from "../agent/trigger.ts";
import type { ProfileChunk } from "../gen/stakeout/v1/profile_pb.ts";
import { type Task, TaskState } from "../gen/stakeout/v1/task_pb.ts";
import type { Config } from "../model/config.ts";
import { buildAgent, type BuiltAgent } from "./build_agent.ts";
import { CommandError } from "./command_error.ts";
import { hostProblems } from "./host_problems.ts";
import { openStateFolder } from "./state_folder.ts";

/** An agent that reports to a backend. */
export interface ReportingAgentOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly url: string;
  /** Of the agent role. */
  readonly token: string;
  /** These and what they start are Stakeout itself. */
  readonly ownPids: readonly number[];
  /** Ends the agent. */
  readonly signal: AbortSignal;
  /** Called once it watches. */
  readonly onReady?: (agent: BuiltAgent) => void;
}

const policySetSchema = z.object({
  setVersion: z.number(),
  policies: z.array(z.object({ name: z.string(), source: z.string(), version: z.number() })),
});

/**
 * Runs an agent with its state and queue in `<state folder>/agent` until the signal aborts: it goes on with the last
 * policies while the backend is away. @throws {CommandError} when it cannot start.
 */
export async function runReportingAgent(options: ReportingAgentOptions): Promise<void> {
  const { config, logger, signal, ownPids } = options;
  const state = await openState(config, logger);
  const spool = await Spool.open(state.spoolFolder, { capBytes: config.spoolBytes, logger });
  const backend = openTransport(options);
  let built: BuiltAgent | undefined;
  try {
    const info = describeAgent(state.agentId);
    const reporter = new Reporter({ backend, spool, agent: info, logger });
    const journal = new TaskJournal(state);
    const problems = hostProblems();
    built = await buildAgent({
      ...{ config, logger, ownPids, agentId: state.agentId },
      emit: (body) => emit(body, reporter, journal),
      queue: () => queueStatus(spool),
      problems: () => problems,
      onStarts: (trigger, clock) => void state.save("silence", exportSilence(trigger, clock)),
    });
    await restore(built, state, reporter, journal);
    await followBackend(built, { ...options, backend, state, reporter, info }, signal);
  } finally {
    await built?.close();
    backend.close();
    await spool.close();
    await state.close();
  }
}

async function followBackend(
  built: BuiltAgent,
  parts: ReportingAgentOptions & {
    backend: AgentTransport;
    state: AgentState;
    reporter: Reporter;
    info: ReturnType<typeof describeAgent>;
  },
  signal: AbortSignal,
): Promise<void> {
  const { agent } = built;
  const { backend, state, reporter, info, logger } = parts;
  const sync = new PolicySync({
    ...{ backend, logger, agent: info },
    onPolicies(setVersion: number, policies: readonly PolicyText[]) {
      agent.setPolicies(setVersion, policies, true);
      void state.save("policies", { setVersion, policies });
    },
    onStopTask: (taskId) => agent.stopTask(taskId),
  });
  // Reports go on until the tasks that end with the agent are queued; then what is left is sent for two seconds.
  const reports = new AbortController();
  const reporting = reporter.run(reports.signal);
  const syncing = sync.run(signal);
  parts.onReady?.(built);
  await agent.run(signal);
  reports.abort();
  await Promise.all([reporting, syncing]);
}

/** Takes up what an agent before this one left: silence, policies, and tasks it did not see end. */
async function restore(
  { agent, clock, trigger }: BuiltAgent,
  state: AgentState,
  reporter: Reporter,
  journal: TaskJournal,
): Promise<void> {
  const silence = await state.load("silence", silenceStateSchema);
  if (silence !== undefined) trigger.restore(silence, clock.bootNs() / 1e9, clock.unixMs(0));
  const policies = await state.load("policies", policySetSchema);
  if (policies !== undefined) agent.setPolicies(policies.setVersion, policies.policies, false);
  await journal.reportAbandoned((task) => reporter.report({ case: "task", value: task }));
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

function openTransport({ url, token, config }: ReportingAgentOptions): AgentTransport {
  const { caFile } = config.tls;
  try {
    return createAgentTransport({ url, token, ...(caFile === "" ? {} : { caFile }) });
  } catch (error) {
    throw new CommandError((error as Error).message, { exitCode: 2, cause: error });
  }
}
