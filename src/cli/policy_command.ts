import type { Command } from "commander";
import type { PolicySummary } from "../gen/stakeout/v1/policy_service_pb.ts";
import { CommandError } from "./command_error.ts";
import { openBackendOf } from "./open_backend.ts";
import { printJson, printLine, printNote, writeOut } from "./output.ts";
import { collectValues, parseLimit, parseVersion } from "./parse_option.ts";
import { readPolicyFiles } from "./policy_files.ts";
import { addBackendOptions, addOutputOption } from "./shared_options.ts";
import { formatTable, formatTime } from "./table.ts";

/** `stakeout policy`: policies as files, checked here and kept by the backend. */
export function addPolicyCommand(program: Command): void {
  const policy = program.command("policy").description("check, save, list and remove policies");
  policy.addHelpText(
    "after",
    `
Examples:
  stakeout policy check checkout.yaml          faults as FILE:LINE:COLUMN, nothing is sent
  stakeout policy apply -f checkout.yaml       saves every policy of the file, or none
  stakeout policy list
  stakeout policy pause checkout-latency`,
  );

  policy.command("check")
    .description("check files without a backend")
    .argument("[files...]", "policy files, - for standard input")
    .option("-f, --file <file>", "the same; may be repeated", collectValues)
    .addHelpText("after", "\nExample:\n  stakeout policy check policies/*.yaml")
    .action(async (files: string[], options: { file?: string[] }) => {
      for (const { path, documents } of await readPolicyFiles([...files, ...options.file ?? []])) {
        printLine(`${path}: ok: ${documents.map((document) => document.policy.name).join(", ")}`);
      }
    });

  addBackendOptions(policy.command("apply"))
    .description("save every policy of the files, or none of them")
    .argument("[files...]", "policy files, - for standard input")
    .option("-f, --file <file>", "the same; may be repeated", collectValues)
    .addHelpText("after", "\nExample:\n  stakeout policy apply -f checkout.yaml -f search.yaml")
    .action(async (files: string[], options: { file?: string[] }, command: Command) => {
      const read = await readPolicyFiles([...files, ...options.file ?? []]);
      const backend = await openBackendOf(command);
      const source = read.map(({ text }) => text.trimEnd() + "\n").join("---\n");
      const { policies } = await backend.policies.applyPolicies({ source });
      for (const { name, version } of policies) printLine(`${name}: saved as version ${version}`);
    });

  addOutputOption(addBackendOptions(policy.command("list")))
    .description("list policies with what they match and their trips")
    .option("--search <text>", "only policies whose name or description holds this")
    .option("--limit <rows>", "at most so many rows", parseLimit, 100)
    .addHelpText("after", "\nExample:\n  stakeout policy list --output json")
    .action(async (options: { search?: string; limit: number; output: string }, command: Command) => {
      const backend = await openBackendOf(command);
      const { policies, total } = await backend.policies.listPolicies({
        search: options.search ?? "",
        limit: options.limit,
      });
      if (options.output === "json") return printJson(policies.map(toRecord));
      if (total === 0) return printNote("no policies; save one with: stakeout policy apply -f FILE");
      writeOut(formatTable([
        ["NAME", "VERSION", "STATE", "AGENTS", "PROCESSES", "TRIPS", "LAST TRIP", "REFUSED"],
        ...policies.map((summary) => {
          const record = toRecord(summary);
          return [
            record.name,
            `${record.version}`,
            record.paused ? "paused" : "active",
            `${record.agents}`,
            `${record.processes}`,
            `${record.trips}`,
            record.lastTripAt ?? "-",
            `${record.refusals}`,
          ];
        }),
      ]));
      if (total > policies.length) {
        printNote(`${total - policies.length} more; raise --limit or use --search`);
      }
    });

  addBackendOptions(policy.command("get"))
    .description("print a policy as it was saved")
    .argument("<name>", "the policy")
    .option("--version-number <n>", "an older version", parseVersion)
    .addHelpText("after", "\nExample:\n  stakeout policy get checkout-latency > checkout.yaml")
    .action(async (name: string, options: { versionNumber?: number }, command: Command) => {
      const backend = await openBackendOf(command);
      const { summary } = await backend.policies.getPolicy({ name, version: options.versionNumber ?? 0 });
      const source = summary?.policy?.source;
      if (source === undefined) throw new CommandError(`There is no policy ${name}`, { exitCode: 1 });
      writeOut(source.endsWith("\n") ? source : source + "\n");
    });

  addBackendOptions(policy.command("delete"))
    .description("remove policies; what they found is kept")
    .argument("<names...>", "the policies")
    .addHelpText("after", "\nExample:\n  stakeout policy delete checkout-latency")
    .action(async (names: string[], _options: unknown, command: Command) => {
      const backend = await openBackendOf(command);
      for (const name of names) {
        await backend.policies.deletePolicy({ name });
        printLine(`${name}: deleted`);
      }
    });

  addPauseCommand(policy, "pause", true);
  addPauseCommand(policy, "resume", false);
}

function addPauseCommand(policy: Command, verb: string, paused: boolean): void {
  addBackendOptions(policy.command(verb))
    .description(paused ? "stop judging by policies, keep them" : "judge by paused policies again")
    .argument("<names...>", "the policies")
    .addHelpText("after", `\nExample:\n  stakeout policy ${verb} checkout-latency`)
    .action(async (names: string[], _options: unknown, command: Command) => {
      const backend = await openBackendOf(command);
      for (const name of names) {
        await backend.policies.setPolicyPaused({ name, paused });
        printLine(`${name}: ${paused ? "paused" : "active"}`);
      }
    });
}

function toRecord(summary: PolicySummary) {
  return {
    name: summary.policy?.name ?? "",
    version: summary.policy?.version ?? 0,
    description: summary.description,
    paused: summary.paused,
    agents: summary.agents,
    processes: summary.matchedProcesses,
    trips: summary.trips,
    lastTripAt: summary.lastTripUnixMs === 0n ? null : formatTime(summary.lastTripUnixMs),
    refusals: summary.refusals,
  };
}
