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

// As tools show it; the runtime's own name tells nobody what runs.
Deno.writeTextFileSync("/proc/self/comm", "stakeout");
void runCli(Deno.args).then(Deno.exit);
