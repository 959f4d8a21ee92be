import { nameProcess } from "./lib/sys/execute.ts";
import { reportError } from "./src/cli/report_error.ts";
import { runCli } from "./src/cli/run_cli.ts";

// What fails outside of any call that waits for it ends the program as well, and is told the same way.
globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  Deno.exit(reportError(event.reason, "stakeout --help"));
});
globalThis.addEventListener("error", (event) => {
  event.preventDefault();
  Deno.exit(reportError(event.error, "stakeout --help"));
});

nameProcess("stakeout");
void runCli(Deno.args).then(Deno.exit);
