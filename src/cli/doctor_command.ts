import type { Command } from "commander";
import { escapeControl } from "../../lib/escape.ts";
import type { Check } from "./doctor/check.ts";
import { type ConfigFlags, loadConfig } from "./load_config.ts";
import { printJson, printLine } from "./output.ts";
import { addBackendOptions } from "./shared_options.ts";

/** `stakeout doctor`: what this host can do, what it lacks, and the fix for each. Changes nothing. */
export function addDoctorCommand(program: Command, end: (exitCode: number) => void): void {
  addBackendOptions(program.command("doctor"))
    .description("tell what this host can do, what it lacks, and the fix for each")
    .option("--json", "as JSON")
    .addHelpText("after", "\nExample:\n  sudo stakeout doctor\n\nExit code 3 when the agent cannot run here.")
    .action(async (options: { json?: boolean }, command: Command) => {
      const flags: ConfigFlags = command.optsWithGlobals();
      const checks = await runChecks(flags);
      if (options.json) printJson(checks);
      else for (const check of checks) printLine(formatCheck(check));
      if (checks.some(({ level }) => level === "missing")) end(3);
    });
}

/** One line: `ok       kernel           Linux 6.18.1`, with the fix where there is something to fix. */
export function formatCheck({ name, level, message, fix }: Check): string {
  const text = `${level.padEnd(8)} ${name.padEnd(20)} ${message}${fix === "" ? "" : `; ${fix}`}`;
  return escapeControl(text);
}

async function runChecks(flags: ConfigFlags): Promise<Check[]> {
  const config = await loadConfig(flags);
  const [
    { checkHost },
    { checkCapabilities },
    { checkBpf },
    { checkKernelSymbols },
    { checkRuntime },
    { checkState },
    { checkBackend },
  ] = await Promise.all([
    import("./doctor/host_checks.ts"),
    import("./doctor/capability_checks.ts"),
    import("./doctor/bpf_checks.ts"),
    import("./doctor/symbol_check.ts"),
    import("./doctor/runtime_check.ts"),
    import("./doctor/state_check.ts"),
    import("./doctor/backend_checks.ts"),
  ]);
  const backend = checkBackend(config);
  const hooks = await checkBpf();
  return [
    ...checkHost(),
    ...checkCapabilities(),
    ...hooks,
    checkKernelSymbols(),
    ...checkRuntime(Deno.env.get("STAKEOUT_RUNTIME")),
    checkState(config.stateFolder, config.spoolBytes),
    ...await backend,
  ];
}
