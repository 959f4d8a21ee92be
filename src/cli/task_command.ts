import { type Command, InvalidArgumentError, Option } from "commander";
import { isMetricName, metrics } from "../model/metric.ts";
import { type ProfileKind, profileKinds } from "../model/policy.ts";
import { taskStates } from "../model/task.ts";
import type { BackendClient } from "./backend_client.ts";
import { CommandError } from "./command_error.ts";
import { describeCause } from "./describe_cause.ts";
import { openBackendOf } from "./open_backend.ts";
import { printJson, printLine, printNote, writeOut } from "./output.ts";
import {
  collectPids,
  collectValues,
  parseFrequency,
  parseLimit,
  parseMinimum,
  parseSeconds,
} from "./parse_option.ts";
import { addBackendOptions, addOutputOption } from "./shared_options.ts";
import { formatTable } from "./table.ts";
import { type ExportOptions, exportTask } from "./task_export.ts";
import type { StartOptions } from "./task_start.ts";

interface ListOptions {
  search?: string;
  policy?: string;
  service?: string;
  metric?: string;
  status?: string;
  limit: number;
  output: string;
}

/** `stakeout task`: what tripped, and the profiles that were taken. */
export function addTaskCommand(program: Command): void {
  const task = program.command("task").description(
    "list, show and export tasks; start, extend and stop them",
  );
  task.addHelpText(
    "after",
    `
Examples:
  stakeout task list --service checkout
  stakeout task show 3f2a
  stakeout task export 3f2a -o checkout.pb.gz
  stakeout task export 3f2a --format folded -o - | flamegraph.pl > checkout.svg
  stakeout task export 3f2a --kind network --format json -o - | jq '.edges[] | .peer'
  stakeout task start --service checkout --kind on_cpu,off_cpu --for 30s`,
  );

  addOutputOption(addBackendOptions(task.command("list")))
    .description("list tasks, newest first")
    .option("--search <text>", "only tasks whose policy, service, executable, host or id holds this")
    .option("--policy <name>", "only this policy's")
    .option("--service <name>", "only this service's")
    .option("--metric <name>", "only those that this metric tripped", parseMetric)
    .addOption(new Option("--status <state>", "only those in this state").choices(taskStates))
    .option("--limit <rows>", "at most so many rows", parseLimit, 100)
    .addHelpText("after", "\nExample:\n  stakeout task list --status running --output json")
    .action(async (options: ListOptions, command: Command) => {
      const backend = await openBackendOf(command);
      await listTasks(backend, options);
    });

  addOutputOption(addBackendOptions(task.command("show")))
    .description("show when, why and what of one task")
    .argument("<id>", "the task, or the first digits of its id")
    .addHelpText("after", "\nExample:\n  stakeout task show 3f2a")
    .action(async (id: string, options: { output: string }, command: Command) => {
      const backend = await openBackendOf(command);
      const { task } = await backend.tasks.getTask({ id: await findTaskId(backend, id) });
      if (task === undefined) throw new CommandError(`There is no task ${id}`, { exitCode: 1 });
      const { showTask } = await import("./task_show.ts");
      await showTask(backend, task, options.output);
    });

  addBackendOptions(task.command("export"))
    .description("write a task's profile to a file")
    .argument("<id>", "the task, or the first digits of its id")
    .option(
      "-o, --output <file>",
      "file to write, - for standard output (default: <id>.pb.gz); its name tells the format",
    )
    .addOption(new Option("--format <format>", "pprof, folded or speedscope; json of a network profile")
      .choices(["pprof", "folded", "speedscope", "json"]))
    .addOption(
      new Option("--kind <kind>", "which of the task's profiles").choices(["on_cpu", "off_cpu", "network"]),
    )
    .option("--runtime-frames", "keep frames by which Node and Java run functions")
    .addHelpText("after", "\nExample:\n  stakeout task export 3f2a -o checkout.speedscope.json")
    .action(async (id: string, options: ExportOptions, command: Command) => {
      const backend = await openBackendOf(command);
      await exportTask(backend, await findTaskId(backend, id), options);
    });

  addBackendOptions(task.command("stop"))
    .description("end running tasks; what was taken until now is kept")
    .argument("<ids...>", "the tasks, or the first digits of their ids")
    .addHelpText("after", "\nExample:\n  stakeout task stop 3f2a")
    .action(async (ids: string[], _options: unknown, command: Command) => {
      const backend = await openBackendOf(command);
      for (const given of ids) {
        const id = await findTaskId(backend, given);
        await backend.tasks.stopTask({ id });
        printLine(`${id}: stopping`);
      }
    });

  addManualCommands(task);
}

/** `start` and `extend`: what somebody asks for by hand. */
function addManualCommands(task: Command): void {
  addOutputOption(addBackendOptions(task.command("start")))
    .description("profile now, without a policy")
    .option("--pid <pid>", "process to profile, one or two of one host", collectPids)
    .option("--process <id>", "the same by the id that the web UI has in its address", collectValues)
    .option("--service <name>", "on each host the two processes of this service that use most CPU")
    .option("--host <name>", "the host that --pid is about, where several have such a process")
    .option("--kind <kinds>", "on_cpu, off_cpu, network, with commas between", collectKinds, ["on_cpu"])
    .option("--for <duration>", "how long, at most 1h", parseSeconds, 30)
    .option("--frequency <hz>", "on-CPU: samples a second and CPU", parseFrequency, 99)
    .option("--minimum <duration>", "off-CPU: shortest wait that is kept (default: 1ms)", parseMinimum, 1)
    .addHelpText("after", "\nExample:\n  stakeout task start --pid 4711 --kind on_cpu,off_cpu --for 30s")
    .action(async (options: StartOptions, command: Command) => {
      const { startTask } = await import("./task_start.ts");
      await startTask(await openBackendOf(command), options);
    });

  addBackendOptions(task.command("extend"))
    .description("let a running task run longer; an hour at most in all")
    .argument("<id>", "the task, or the first digits of its id")
    .requiredOption("--by <duration>", "how much longer", parseSeconds)
    .addHelpText("after", "\nExample:\n  stakeout task extend 3f2a --by 1m")
    .action(async (given: string, options: { by: number }, command: Command) => {
      const backend = await openBackendOf(command);
      const id = await findTaskId(backend, given);
      await backend.tasks.extendTask({ id, seconds: options.by });
      printLine(`${id}: ${options.by} s longer`);
    });
}

function collectKinds(value: string): ProfileKind[] {
  const names = value.split(",");
  const kinds = profileKinds.filter((kind) => names.includes(kind));
  if (kinds.length !== names.length) {
    throw new InvalidArgumentError(`Use ${profileKinds.join(", ")}, each once, with commas between.`);
  }
  return kinds;
}

async function listTasks(backend: BackendClient, options: ListOptions): Promise<void> {
  const { findTaskState, toTaskRecord } = await import("./task_record.ts");
  const state = options.status === undefined ? undefined : findTaskState(options.status);
  const { tasks, total } = await backend.tasks.listTasks({
    search: options.search ?? "",
    policy: options.policy ?? "",
    service: options.service ?? "",
    metric: options.metric ?? "",
    states: state === undefined ? [] : [state],
    limit: options.limit,
  });
  const records = tasks.map(toTaskRecord);
  if (options.output === "json") return printJson(records);
  if (total === 0) return printNote("no tasks; a task starts when a policy trips: stakeout policy list");
  writeOut(formatTable([
    ["ID", "STARTED", "STATE", "POLICY", "SERVICE", "PID", "HOST", "WHY"],
    ...records.map((task) => [
      task.id.slice(0, 12),
      task.startedAt,
      task.state,
      task.policy || "-",
      task.processes.map(({ service }) => service).join(","),
      task.processes.map(({ pid }) => pid).join(","),
      task.host,
      describeCause(task),
    ]),
  ]));
  if (total > tasks.length) printNote(`${total - tasks.length} more; raise --limit or filter`);
}

/** Turns the first digits of an id into the whole one. */
async function findTaskId(backend: BackendClient, given: string): Promise<string> {
  if (/^[0-9a-f]{32}$/.test(given)) return given;
  if (!/^[0-9a-f]{4,31}$/.test(given)) {
    throw new CommandError(`${given} is not a task's id; give at least 4 hexadecimal digits of it`, {
      exitCode: 2,
    });
  }
  const { tasks } = await backend.tasks.listTasks({ search: given, limit: 1_000 });
  const ids = tasks.map(({ id }) => id).filter((id) => id.startsWith(given));
  if (ids.length === 1) return ids[0]!;
  const fault = ids.length === 0 ? "There is no task" : `${ids.length} tasks begin with`;
  throw new CommandError(`${fault} ${given}; see stakeout task list`, { exitCode: 1 });
}

function parseMetric(value: string): string {
  if (!isMetricName(value)) {
    throw new InvalidArgumentError(`Use one of ${Object.keys(metrics).join(", ")}.`);
  }
  return value;
}
